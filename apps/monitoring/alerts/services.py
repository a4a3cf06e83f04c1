"""What people do about alerts."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.monitoring.models import OPEN_ALERTS, Alert
from ragsite.core.actors import Actor, ActorKind, change_log
from ragsite.core.errors import ConflictError, NotFoundError


def alert_acknowledge(*, alert_id: UUID, actor: Actor) -> Alert:
    """Note that somebody sees to the alert. Doing so twice is one acknowledgement, that of who came first.

    Raises:
        NotFoundError: there is no such alert.
        ConflictError: it is over.
    """
    with transaction.atomic():
        alert = Alert.objects.select_for_update(no_key=True).filter(pk=alert_id, opened_at__isnull=False).first()
        if alert is None:
            raise NotFoundError("There is no such alert.")
        if alert.state not in OPEN_ALERTS:
            raise ConflictError("The alert is over.", action="There is nothing to see to.")
        if alert.acknowledged_at is None:
            alert.acknowledged_at = timezone.now()
            alert.acknowledged_by_id = int(actor.id) if actor.kind is ActorKind.USER else None
            alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
            details = {"rule": alert.rule, "subject": alert.subject}
            change_log(
                f"the alert {alert} was acknowledged",
                actor=actor,
                action="alert.acknowledged",
                of=alert,
                details=details,
            )
    return alert
