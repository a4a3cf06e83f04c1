"""Why a version stands where it stands, and what comes next: for people, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from apps.documents.lifecycle.rows import version_waits
from apps.documents.lifecycle.stages import STAGE_FROM
from apps.documents.models import DocumentVersion, StageRecord, VersionStatus
from ragsite.core.configuration import WorkSettings
from ragsite.core.numbers import number_shown
from ragsite.core.presence import workers_listening
from ragsite.core.sentences import said

DOING: dict[str, str] = {
    "parse": gettext_noop("parsed"),
    "chunk": gettext_noop("cut into passages"),
    "embed": gettext_noop("embedded"),
    "activate": gettext_noop("activated"),
}


MOST_AHEAD = 1000
"""Versions ahead of one are counted up to here: to say how it stands shall cost the same whatever the backlog."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`stage` is the next or present one, `ahead` how many versions of its tenant come first, which are counted up to MOST_AHEAD,
    `workers` how many listen for the stage; all three are None once the version has ended. `text` says it in words.
    """

    text: str
    stage: str | None = None
    ahead: int | None = None
    workers: int | None = None
    next_try_at: datetime | None = None


def version_progress(version: DocumentVersion) -> Progress:
    """Where a version stands. Its document and its stages should be at hand (select_related, prefetch_related)."""
    stage = STAGE_FROM.get(version.status)
    if stage is None:
        return Progress(text=_ended(version))
    if version.document.deleted_at:
        return Progress(text=gettext("Its document was deleted, so nothing more is done."))
    now = timezone.now()
    if version.lease_until and version.lease_until > now:
        text = gettext("Being %(doing)s now by %(worker)s.")
        text %= {"doing": gettext(DOING[stage]), "worker": worker_in_words(version.lease_owner)}
        return Progress(text, stage, 0, 1)
    workers, ahead = workers_listening(stage), _ahead(version)
    if version.not_before > now:
        return Progress(_postponed(version, stage, now), stage, ahead, workers, version.not_before)
    return Progress(_in_line(stage, ahead, workers) + _before(version), stage, ahead, workers)


def worker_in_words(owner: str) -> str:
    """Host and process of a lease's owner, whose name also carries the claim's own id."""
    return ":".join(owner.split(":")[:2])


def _ended(version: DocumentVersion) -> str:
    if version.status == VersionStatus.READY:
        return gettext("All stages are done; its passages answer searches unless another version does.")
    return said(version.error)


def _ahead(version: DocumentVersion) -> int:
    """Versions of its tenant that are claimed before this one, or MOST_AHEAD if there may be as many; tenants take turns."""
    before = Q(not_before__lt=version.not_before) | Q(pk__lt=version.pk)
    line = DocumentVersion.objects.filter(before, tenant_id=version.tenant_id, not_before__lte=version.not_before)
    nearest = line.filter(status=version.status).order_by("tenant_id", "-not_before", "-pk")[:MOST_AHEAD]
    waits = [waits for (waits,) in nearest.annotate(waits=version_waits()).values_list("waits")]
    return MOST_AHEAD if len(waits) == MOST_AHEAD else sum(waits)


def _postponed(version: DocumentVersion, stage: str, now: datetime) -> str:
    seconds = round((version.not_before - now).total_seconds())
    told = gettext("Will be %(doing)s in %(seconds)s s (try %(attempt)s of %(most)s).") % {
        "doing": gettext(DOING[stage]), "seconds": seconds, "attempt": version.attempts + 1,
        "most": WorkSettings.current().max_attempts,
    }  # fmt: skip
    return told + _before(version)


def _in_line(stage: str, ahead: int, workers: int) -> str:
    if not workers:
        told = gettext("Waiting to be %(doing)s, but no worker listens for that: start one, or look at its log.")
        return told % {"doing": gettext(DOING[stage])}
    waiting = gettext("Waiting to be %(doing)s.") % {"doing": gettext(DOING[stage])}
    listen = ngettext("%(count)s worker listens.", "%(count)s workers listen.", workers) % {"count": workers}
    return f"{waiting} {_line(ahead)}; {listen}"


def _line(ahead: int) -> str:
    if ahead == MOST_AHEAD:
        return gettext("At least %(count)s versions of its tenant are ahead of it") % {
            "count": number_shown(MOST_AHEAD)
        }
    if not ahead:
        return gettext("It is next")
    return ngettext("%(count)s version is ahead of it", "%(count)s versions are ahead of it", ahead) % {"count": ahead}


def _before(version: DocumentVersion) -> str:
    """What the latest stage stumbled over, if it did."""
    stages: list[StageRecord] = sorted(version.stages.all(), key=lambda stage: stage.pk)
    if not stages or not stages[-1].error:
        return ""
    return " " + gettext("The last time: %(error)s") % {"error": said(stages[-1].error)}
