"""Messages about alerts that wait to be delivered, for those who ring and for the table of jobs."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.monitoring.models import AlertDelivery, DeliveryState
from ragsite.core.errors import RagError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows

DELIVER = "alert-deliver"
"""The job's name for those who ring."""

TRIED_FOR, PAUSE = timedelta(days=1), timedelta(minutes=1)


class AlertDeliveries(LeasedRows):
    """What waits to be told, the first first."""

    model, what = AlertDelivery, "the message about an alert"

    def open(self) -> QuerySet[AlertDelivery]:
        return AlertDelivery.objects.filter(state=DeliveryState.WAITING).order_by("not_before", "id")

    def postpone(self, claim: Claim, error: RagError) -> None:
        """For a day no attempt counts: a receiver may be away for longer than work is usually tried again."""
        young = self.held(claim).filter(created_at__gte=Now() - TRIED_FOR)
        young.update(not_before=Now() + PAUSE, error=error.sentence, attempts=0, **RELEASED)
        super().postpone(claim, error)

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=DeliveryState.FAILED, error=error.sentence, **RELEASED)


ALERT_DELIVERIES = AlertDeliveries()
