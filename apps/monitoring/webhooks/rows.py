"""Deliveries that wait to be sent, for those who ring and for the table of jobs."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.monitoring.models import WebhookDelivery, WebhookDeliveryState
from ragsite.core.errors import RagError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows

DELIVER = "webhook-deliver"
"""The job's name for those who ring."""


class WebhookDeliveries(LeasedRows):
    """What waits to be sent, the first first."""

    model, what = WebhookDelivery, "the message to a webhook"

    def open(self) -> QuerySet[WebhookDelivery]:
        return WebhookDelivery.objects.filter(state=WebhookDeliveryState.WAITING).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=WebhookDeliveryState.DEAD, error=error.sentence, **RELEASED)


WEBHOOK_DELIVERIES = WebhookDeliveries()
