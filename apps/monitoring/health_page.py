"""The health of the installation as a page of the admin: what machines ask `/health/ready` for, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.monitoring.health import CHECKS, OK, outcome

PART = "checks"


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
    "workers": Told(gettext_noop("Workers"), "engineering", gettext_noop("Read, cut and embed documents.")),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of trying a part, and how long that took."""

    name: str
    icon: str
    purpose: str
    fine: bool
    sentence: str
    milliseconds: float


@admin.site.admin_view
def health_page(request: HttpRequest) -> HttpResponse:
    """The page at once; it asks for the checks by itself, as one that is down takes seconds to be found so."""
    if request.GET.get("part") == PART:
        context = {"checks": checked(), "now": timezone.now()}
        return TemplateResponse(
            request, "ragsite/admin/health_checks.html", context, headers={"Cache-Control": "no-store"}
        )
    title = _("Health")
    context = {**admin.site.each_context(request), "title": title, "content_title": title, "part": PART}
    return TemplateResponse(request, "ragsite/admin/health.html", context)


def checked() -> list[Checked]:
    """Each part, tried now."""
    return [_checked(name) for name in CHECKS]


def _checked(name: str) -> Checked:
    begun = perf_counter()
    found = outcome(name)
    taken = 1000 * (perf_counter() - begun)
    told = TOLD[name]
    fine = found == OK
    return Checked(_(told.name), told.icon, _(told.purpose), fine, _("Answers.") if fine else found, taken)
