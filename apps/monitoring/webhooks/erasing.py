"""What is erased of webhooks with a tenant."""

from __future__ import annotations

from apps.monitoring.models import Webhook, WebhookDelivery
from apps.retrieval.erasing.steps import rows_step, tenant_step_register


def webhooks_erase_register() -> None:
    """Have erasures of tenants know of them. What was told goes before who was told."""
    told = rows_step(
        "webhook_deliveries", lambda subject: WebhookDelivery.objects.filter(webhook__tenant=subject.tenant_id)
    )
    tenant_step_register(told)
    tenant_step_register(rows_step("webhooks", lambda subject: Webhook.objects.filter(tenant=subject.tenant_id)))
