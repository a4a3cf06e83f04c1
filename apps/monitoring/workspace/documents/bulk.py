"""What is done with several documents of a knowledge base: asked first, with their number, and then by a job that is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.documents.models import BulkJob, BulkState, Document
from apps.documents.services.bulk.jobs import (
    BULK,
    bulk_job_ask,
    bulk_job_confirm,
    bulk_jobs_asked_by,
    bulk_jobs_open,
    documents_chosen,
)
from apps.documents.tags import tags_read
from apps.monitoring.jobs.bulk_words import Bulk, bulk_of, result_of
from apps.monitoring.jobs.refusals import refusals_of
from apps.monitoring.workspace.place import Place
from ragsite.core.admin.base import acting
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.presence import jobs_listened_for

MOST_NAMED = 300
"""Documents that a form names; more are chosen by what they have in common."""

MOST_REFUSED = 5
MOST_WATCHED = 5


@dataclass(frozen=True, slots=True)
class Notice:
    """What was done, or why it was not."""

    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """The user's jobs in a knowledge base: those under way, and what is told of those that ended since the last look."""

    open: Sequence[BulkJob] = ()
    notices: Sequence[Notice] = ()
    held_up: str = ""

    @property
    def shown(self) -> list[tuple[BulkJob, Bulk]]:
        return [(job, bulk_of(job)) for job in self.open]

    @property
    def query(self) -> str:
        """What the next look names, to be told of their ends."""
        return "".join(f"&watched={job.pk}" for job in self.open)


@dataclass(frozen=True, slots=True)
class Asked:
    """A job that waits to be confirmed, and how many documents were chosen, of which it may apply to fewer."""

    job: BulkJob
    chosen: int


def bulk_ask(place: Place, bulk: Bulk, shown: QuerySet[Document]) -> Asked:
    """Note what a form chose among the documents that the user is shown: by id, or with `everything` all of them.

    Raises:
        PermanentError: too many, or none that the bulk applies to; or the tags are invalid.
    """
    said = place.request.POST
    tags = _tags_of(said) if bulk.needs_tags else []
    found = shown if said.get("everything") else shown.filter(pk__in=_ids(said.getlist("documents")))
    chosen = documents_chosen(found, kind=bulk.kind, tags=tags)
    if not chosen.documents:
        raise PermanentError(_none(bulk, chosen.total))
    base, user = place.knowledge_base, place.request.user
    job = bulk_job_ask(
        kind=bulk.kind, documents=chosen.documents, tenant_id=base.tenant_id, knowledge_base=base, tags=tags, user=user,
        actor=acting(place.request),
    )  # fmt: skip
    return Asked(job, chosen.total)


def bulk_confirm(place: Place, wanted: str) -> BulkJob:
    """Let a job begin that the user asked for here.

    Raises:
        ConflictError: there is none, or it was confirmed before.
    """
    asked = [job for job in bulk_jobs_asked_by(place.request.user, _ids([wanted])) if _is_here(job, place)]
    if not asked:
        raise ConflictError(_("This was asked too long ago, so nothing was done."), action=_("Ask for it again."))
    return bulk_job_confirm(job=asked[0], actor=acting(place.request))


def bulk_watched(place: Place, begun: BulkJob | None = None) -> Watched:
    """What is under way here for the user, and what became of the jobs that the address names and of one just begun."""
    under_way = list(bulk_jobs_open(place.request.user, place.knowledge_base)[:MOST_WATCHED])
    named = {*_ids(place.request.GET.getlist("watched")[:MOST_WATCHED]), *([begun.pk] if begun else [])}
    named -= {job.pk for job in under_way}
    ended = (
        [job for job in bulk_jobs_asked_by(place.request.user, list(named)) if _is_here(job, place)] if named else []
    )
    notices = [notice for job in ended if job.state != BulkState.ASKED for notice in _told(job, place)]
    return Watched(under_way, notices, _held_up() if under_way else "")


def _told(job: BulkJob, place: Place) -> list[Notice]:
    refused = refusals_of(job, place.request.user, most=MOST_REFUSED)
    is_bad = job.state == BulkState.FAILED or not job.done
    return [
        Notice(result_of(job), is_bad=is_bad),
        *(Notice(f"{one.name}: {one.reason}", is_bad=True) for one in refused),
    ]


def _held_up() -> str:
    if BULK in jobs_listened_for():
        return ""
    return _("No worker is running, so nothing is done just now. Start one; what was confirmed is kept.")


def _is_here(job: BulkJob, place: Place) -> bool:
    return job.knowledge_base_id == place.knowledge_base.pk


def _ids(texts: Sequence[str]) -> list[UUID]:
    """Those that are ids; a form of ours sends no others."""
    ids = []
    for text in texts[:MOST_NAMED]:
        try:
            ids.append(UUID(text))
        except ValueError:
            continue
    return ids


def _tags_of(said: QueryDict) -> list[str]:
    tags = tags_read(said.get("with_tag", ""))
    if not tags:
        raise PermanentError(_("No tag is named."), action=_("Write one into the field beside the button."))
    return tags


def _none(bulk: Bulk, total: int) -> str:
    if not total:
        return _("No document is chosen.")
    if bulk.slug == "retry":
        return _("None of the chosen documents has failed or was cancelled.")
    return _("Nothing would change: the chosen documents are so already.")
