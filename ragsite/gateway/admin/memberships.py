"""Memberships: which users belong to which tenants, and as what."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.decorators import display

from ragsite.core.admin.base import RagAdmin, badge
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.models import Membership, Role

ROLE_TONES: dict[str, str | None] = {Role.READER: None, Role.EDITOR: "info", Role.OWNER: "success"}


@admin.register(Membership)
class MembershipAdmin(TenantRowsMixin, RagAdmin):
    list_display: ClassVar = ("user", "tenant", "shown_role", "created_at")
    list_filter: ClassVar = (("tenant", TenantFilter), "role")
    list_select_related: ClassVar = ("user", "tenant")
    search_fields: ClassVar = ("user__username",)
    fields: ClassVar = ("user", "tenant", "role")

    @display(description="Role", ordering="role")
    def shown_role(self, membership: Membership) -> SafeString:
        return badge(Role(membership.role).name.capitalize(), ROLE_TONES[membership.role])
