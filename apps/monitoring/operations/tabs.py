"""The operator's pages as one table: their names, and who may open each. They share an entry of the sidebar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from apps.monitoring.operations.live_settings.places import may_change_settings
from ragsite.gateway.members import is_superuser
from ragsite.gateway.roles import AnyUser, may_somewhere

LOOKS_AFTER = "gateway.view_tenant"
"""Who may look at a tenant, as its owners may, sees what it uses and who does what in it."""

SEES_QUEUES = "core.view_workerpresence"
"""Who may see what waits for workers, and who they are."""


SEES_ALERTS = "monitoring.view_alert"


def _permitted(user: AnyUser, *, permission: str) -> bool:
    return may_somewhere(user, permission)


@dataclass(frozen=True, slots=True)
class OperationsTab:
    """A page by the name of its address, and who may open it."""

    name: str
    words: str
    icon: str
    may: Callable[[AnyUser], bool]

    @property
    def title(self) -> str:
        return gettext(self.words)

    @property
    def url(self) -> str:
        return reverse(self.name)


TABS: tuple[OperationsTab, ...] = (
    OperationsTab("usage", gettext_noop("Usage"), "bar_chart", partial(_permitted, permission=LOOKS_AFTER)),
    OperationsTab("reports", gettext_noop("Reports"), "insights", partial(_permitted, permission=LOOKS_AFTER)),
    OperationsTab("activity", gettext_noop("Audit"), "verified_user", partial(_permitted, permission=LOOKS_AFTER)),
    OperationsTab("workers", gettext_noop("Workers"), "engineering", partial(_permitted, permission=SEES_QUEUES)),
    OperationsTab("alerts", gettext_noop("Alerts"), "notifications", partial(_permitted, permission=SEES_ALERTS)),
    OperationsTab("events", gettext_noop("Events"), "outbox", partial(_permitted, permission="core.view_outboxevent")),
    OperationsTab("live-settings", gettext_noop("Change settings"), "toggle_on", may_change_settings),
    OperationsTab("settings", gettext_noop("Settings"), "tune", is_superuser),
)


def tabs_of(request: HttpRequest) -> list[OperationsTab]:
    """Those that the user may open."""
    return [tab for tab in TABS if tab.may(request.user)]
