"""The health of the installation as a page of the admin: what machines ask `/health/ready` for, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.monitoring.deep.checks import CHECKS, DeepCheck
from apps.monitoring.deep.trials import ABSENT
from apps.monitoring.health import FINE, NOT_CONFIGURED, parts_tried
from apps.monitoring.models import HealthCheck, HealthState
from apps.monitoring.probes import Tried
from ragsite.core.sentences import said
from ragsite.gateway.roles import looking, may_somewhere

PART = "checks"
MISSED = 5
"""Runs of a deep check that may be missed before what it found counts as old."""


@dataclass(frozen=True, slots=True)
class Told:
    """A part in people's words: its name, its icon, and what it is for."""

    name: str
    icon: str
    purpose: str


TOLD: Mapping[str, Told] = {
    "database": Told(gettext_noop("Database"), "database", gettext_noop("Holds everything. Nothing works without it.")),
    "redis": Told(gettext_noop("Redis"), "bolt", gettext_noop("Wakes workers and keeps answers to give again.")),
    "kafka": Told(gettext_noop("Event broker"), "outbox", gettext_noop("Takes events to other systems.")),
    "blobs": Told(gettext_noop("File storage"), "hard_drive", gettext_noop("Keeps the files that were uploaded.")),
    "second-blobs": Told(
        gettext_noop("Second file storage"),
        "hard_drive",
        gettext_noop("Has a copy of each file that was uploaded, for when the first does not answer."),
    ),
    "workers": Told(gettext_noop("Workers"), "engineering", gettext_noop("Read, cut and embed documents.")),
}


LACKING: Mapping[str, str] = {
    "kafka": gettext_noop("None is configured, so events go nowhere."),
    "second-blobs": gettext_noop("None is configured, so files are in one place only."),
}
"""What is said of a part that need not be there, and is not."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of trying a part, and how long that took."""

    name: str
    icon: str
    purpose: str
    fine: bool
    sentence: str
    milliseconds: float
    is_absent: bool = False
    """Whether it need not be there, and is not."""


@dataclass(frozen=True, slots=True)
class DeepShown:
    """What a deep check found of something, and whether that is old: nobody has looked for long."""

    name: str
    icon: str
    purpose: str
    row: HealthCheck
    is_old: bool

    @property
    def fine(self) -> bool:
        return self.row.state == HealthState.OK and not self.is_old

    @property
    def is_absent(self) -> bool:
        """Whether it need not be there, and is not."""
        return self.fine and self.row.text in ABSENT

    @property
    def sentence(self) -> str:
        if self.is_old:
            return _("Nobody has looked for long. Do beat and a worker for the queue maintenance run?")
        return said(self.row.text) or _("Fine.")


@admin.site.admin_view
def health_page(request: HttpRequest) -> HttpResponse:
    """The page at once; it asks for the checks by itself, as one that is down takes seconds to be found so."""
    if request.GET.get("part") == PART:
        parts = {"checks": checked(), "deep": deep_shown(request), "now": timezone.now()}
        return TemplateResponse(
            request, "ragsite/admin/health_checks.html", parts, headers={"Cache-Control": "no-store"}
        )
    title = _("Health")
    context = {**admin.site.each_context(request), "title": title, "content_title": title, "part": PART}
    return TemplateResponse(request, "ragsite/admin/health.html", context)


def checked() -> list[Checked]:
    """Each part, tried now."""
    return [_checked(name, found) for name, found in parts_tried().items()]


def deep_shown(request: HttpRequest) -> list[DeepShown] | None:
    """What the deep checks found last, in the order of their table; None for who may not see it."""
    if not may_somewhere(request.user, *looking(HealthCheck)):
        return None
    rows: dict[str, list[HealthCheck]] = {}
    for row in HealthCheck.objects.all():
        rows.setdefault(row.name, []).append(row)
    return [_deep(check, row) for check in CHECKS for row in rows.get(check.name, [])]


def _deep(check: DeepCheck, row: HealthCheck) -> DeepShown:
    is_old = timezone.now() - row.checked_at > timedelta(seconds=MISSED * check.every)
    return DeepShown(_(check.title), check.icon, _(check.purpose), row, is_old)


def _checked(name: str, found: Tried) -> Checked:
    told, fine = TOLD[name], found.sentence in FINE
    sentence = _fine(name, found.sentence) if fine else said(found.sentence)
    is_absent = found.sentence == NOT_CONFIGURED
    return Checked(_(told.name), told.icon, _(told.purpose), fine, sentence, found.milliseconds, is_absent)


def _fine(name: str, sentence: str) -> str:
    return _(LACKING[name]) if sentence == NOT_CONFIGURED else _("Answers.")
