"""The consumer of events for webhooks: each event becomes a delivery to each webhook of its tenant that asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from apps.monitoring.models import Webhook, WebhookDelivery, WebhookDeliveryState, WebhookState
from apps.monitoring.webhooks.rows import DELIVER
from apps.monitoring.webhooks.told import SUBSCRIBABLE, body_of
from ragsite.core.consuming.messages import Received, type_of
from ragsite.core.jobs import ring

NAME = "webhooks"
BATCH, GATHER_SECONDS = 1_000, 0.2
"""A program wants to know soon."""

AT_ONCE = 500


class WebhookTaker:
    """Notes what webhooks are to be told. An event that comes twice is noted once, by its id: it needs no inbox."""

    name = NAME
    topics = frozenset(one.event.topic for one in SUBSCRIBABLE.values())
    types = frozenset(SUBSCRIBABLE)

    def take(self, batch: Sequence[Received]) -> None:
        """Note the deliveries of all these events, or of none.

        Raises:
            EventPayloadError: an event is not as it must be.
        """
        asking = _asking({one.envelope.tenant for one in batch if one.envelope.tenant})
        if not asking:
            return
        rows = [row for one in batch for row in _deliveries(one, asking)]
        with transaction.atomic():
            WebhookDelivery.objects.bulk_create(rows, batch_size=AT_ONCE, ignore_conflicts=True)
            if rows:
                ring(DELIVER)


def _asking(tenants: set[UUID]) -> Mapping[UUID, list[Webhook]]:
    """The webhooks of these tenants that are told something, those that are paused as well."""
    found: dict[UUID, list[Webhook]] = defaultdict(list)
    rows = Webhook.objects.filter(tenant__in=tenants).exclude(state=WebhookState.OFF)
    for webhook in rows.only("tenant_id", "types", "state", "created_at"):
        found[webhook.tenant_id].append(webhook)
    return found


def _deliveries(received: Received, asking: Mapping[UUID, list[Webhook]]) -> list[WebhookDelivery]:
    """To those that ask for it and were there when it happened."""
    tenant = received.envelope.tenant
    webhooks = asking.get(tenant, ()) if tenant else ()
    type_ = type_of(received.name)
    wanting = [one for one in webhooks if type_ in one.types and one.created_at <= received.at]
    if not wanting:
        return []
    body = body_of(received.event, at=received.at)
    return [
        WebhookDelivery(
            webhook=one, event_id=received.event_id, type=type_, body=body,
            state=WebhookDeliveryState.HELD if one.state == WebhookState.PAUSED else WebhookDeliveryState.WAITING,
        )
        for one in wanting
    ]  # fmt: skip
