"""The page of alerts: those that are open, the worst first, and those that are over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apps.monitoring.alerts.services import alert_acknowledge
from apps.monitoring.alerts.words import alert_advice, alert_title, alert_url
from apps.monitoring.models import OPEN_ALERTS, Alert, AlertDelivery, AlertState, Channel, DeliveryState, Severity
from apps.monitoring.operations.frame import operations_page, tab_required
from ragsite.core.admin.base import acting, errors_told
from ragsite.core.configuration import AlertSettings
from ragsite.core.sentences import said
from ragsite.gateway.roles import may_somewhere

MOST = 100
TONES = {Severity.CRITICAL: "danger", Severity.WARNING: "warning"}


@dataclass(frozen=True, slots=True)
class AlertShown:
    """An alert in words, and what became of telling others."""

    row: Alert
    title: str
    advice: str
    url: str
    tone: str
    undelivered: Sequence[str]

    @property
    def seen_to_by(self) -> str:
        """Who sees to it; empty where nobody does."""
        if self.row.acknowledged_at is None:
            return ""
        return self.row.acknowledged_by.get_username() if self.row.acknowledged_by else _("somebody")


@admin.site.admin_view
def alerts_view(request: HttpRequest) -> HttpResponse:
    """Raises PermissionDenied: the user may not look at alerts."""
    tab_required(request, "alerts")
    return operations_page(request, "alerts", _listed(request))


@admin.site.admin_view
def alert_acknowledge_view(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    """Raises PermissionDenied: the user may not see to alerts."""
    if not may_acknowledge(request):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    with errors_told(request):
        alert = alert_acknowledge(alert_id=alert_id, actor=acting(request))
        messages.success(request, _("You see to it: %(alert)s") % {"alert": alert_title(alert)})
    return redirect("alerts")


def may_acknowledge(request: HttpRequest) -> bool:
    return may_somewhere(request.user, "monitoring.change_alert")


def alerts_open() -> list[Alert]:
    """The worst first, and of these those that nobody sees to."""
    rows = Alert.objects.filter(state__in=OPEN_ALERTS).select_related("acknowledged_by").order_by("-id")[:MOST]
    worst = list(Severity)
    return sorted(rows, key=lambda row: (row.acknowledged_at is not None, worst.index(Severity(row.severity))))


def _listed(request: HttpRequest) -> dict[str, Any]:
    closed = Alert.objects.filter(state=AlertState.CLOSED).select_related("acknowledged_by").order_by("-id")[:MOST]
    opened, over = alerts_open(), list(closed)
    failed = _undelivered(AlertDelivery.objects.filter(alert__in=[row.pk for row in (*opened, *over)]))
    settings = AlertSettings.current()
    return {
        "opened": [_shown(row, failed) for row in opened],
        "over": [_shown(row, failed) for row in over],
        "may_acknowledge": may_acknowledge(request),
        "told_nobody": not settings.webhook_url and not settings.emails,
        "most": MOST,
    }


def _undelivered(deliveries: QuerySet[AlertDelivery]) -> dict[UUID, list[str]]:
    """By alert, why somebody was not told."""
    found: dict[UUID, list[str]] = {}
    for one in deliveries.exclude(error="").exclude(state=DeliveryState.DONE):
        found.setdefault(one.alert_id, []).append(f"{Channel(one.channel).label}: {said(one.error)}")
    return found


def _shown(row: Alert, failed: dict[UUID, list[str]]) -> AlertShown:
    tone = TONES[Severity(row.severity)] if row.is_open else "info"
    return AlertShown(row, alert_title(row), alert_advice(row), alert_url(row), tone, failed.get(row.pk, []))
