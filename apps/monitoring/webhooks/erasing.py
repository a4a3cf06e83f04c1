"""What is erased of webhooks with a tenant."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from apps.monitoring.models import Webhook, WebhookDelivery
from apps.retrieval.erasing.order import tenant_step_register
from apps.retrieval.erasing.steps import rows_step
from ragsite.core.locking import rows_hold_to_remove


def _webhooks_remove(rows: QuerySet[Any]) -> None:
    rows_hold_to_remove(rows, WebhookDelivery.objects.filter(webhook__in=rows))
    rows.delete()


WEBHOOKS = (
    rows_step("webhook_deliveries", lambda subject: WebhookDelivery.objects.filter(webhook__tenant=subject.tenant_id)),
    rows_step("webhooks", lambda subject: Webhook.objects.filter(tenant=subject.tenant_id), _webhooks_remove),
)
"""What was told goes before who was told."""


def webhooks_erase_register() -> None:
    """Have erasures of tenants know of them."""
    for step in WEBHOOKS:
        tenant_step_register(step)
