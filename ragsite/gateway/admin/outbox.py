"""Outbox events by tenant. The core, which registers them, knows of none."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from ragsite.core.admin.outbox import OutboxEventAdmin
from ragsite.core.models import OutboxEvent
from ragsite.gateway.admin.rows import TenantRowsMixin

admin.site.unregister(OutboxEvent)


@admin.register(OutboxEvent)
class OutboxEventOfTenantAdmin(TenantRowsMixin, OutboxEventAdmin):
    tenant_path: ClassVar[str] = "tenant_id"
