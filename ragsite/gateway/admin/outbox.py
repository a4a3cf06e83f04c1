"""Outbox events by tenant. The core, which registers them, knows of none."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from ragsite.core.admin.outbox import OutboxEventAdmin
from ragsite.core.models import OutboxEvent
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.roles import looks_by_role

admin.site.unregister(OutboxEvent)


@admin.register(OutboxEvent)
class OutboxEventOfTenantAdmin(TenantRowsMixin, OutboxEventAdmin):
    tenant_path: ClassVar[str] = "tenant_id"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the payload for who looks by a role alone: it may name what an operator does not read."""
        fields = super().get_fields(request, obj)
        return [one for one in fields if one != "payload"] if looks_by_role(request.user, OutboxEvent) else fields
