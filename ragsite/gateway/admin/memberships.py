"""Memberships: which users belong to which tenants, and as what."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import ForeignKey
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from ragsite.core.admin.base import RagAdmin, badge
from ragsite.gateway.admin.inviting import invite_page, may_invite
from ragsite.gateway.admin.limits import LimitsPageMixin
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.models import Membership, Role
from ragsite.gateway.roles import may_somewhere
from ragsite.gateway.staff import may_decide_on_members, tenants_owned, users_seen

ROLE_NAMES: dict[str, str] = {
    Role.READER: gettext_noop("Reader"),
    Role.EDITOR: gettext_noop("Editor"),
    Role.OWNER: gettext_noop("Owner"),
    Role.OPERATOR: gettext_noop("Operator"),
}
ROLE_TONES: dict[str, str | None] = {
    Role.READER: None, Role.EDITOR: "info", Role.OWNER: "success", Role.OPERATOR: "warning",
}  # fmt: skip


@admin.register(Membership)
class MembershipAdmin(LimitsPageMixin, TenantRowsMixin, RagAdmin):
    list_display: ClassVar = ("user", "tenant", "shown_role", "created_at")
    list_filter: ClassVar = (("tenant", TenantFilter), "role")
    list_select_related: ClassVar = ("user", "tenant")
    search_fields: ClassVar = ("user__username",)
    fields: ClassVar = ("user", "tenant", "role")

    actions_list: ClassVar = ("invite",)
    actions_detail: ClassVar = ("limits",)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.invite_page)
        return [path("invite/", page, name="gateway_membership_invitation"), *super().get_urls()]

    def invite_page(self, request: HttpRequest) -> HttpResponse:
        return invite_page(request, site=self.admin_site)

    def has_invite_permission(self, request: HttpRequest) -> bool:
        return may_invite(request.user)

    @action(
        description=_("Invite a colleague"),
        icon="person_add",
        url_path="invite-a-colleague",
        permissions=["invite"],
        variant=ActionVariant.PRIMARY,
    )
    def invite(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:gateway_membership_invitation")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, "gateway.add_membership") and may_decide_on_members(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may(request, obj)

    def has_limits_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        allowed = super().has_limits_permission(request, object_id)
        return allowed and _may(request, None if object_id is None else self.row_or_404(request, object_id))

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.queryset = {"tenant": tenants_owned, "user": users_seen}[db_field.name](request.user)
        return field

    @display(description=_("Role"), ordering="role")
    def shown_role(self, membership: Membership) -> SafeString:
        return badge(gettext(ROLE_NAMES[membership.role]), ROLE_TONES[membership.role])


def _may(request: HttpRequest, membership: Membership | None) -> bool:
    return membership is None or tenants_owned(request.user).filter(pk=membership.tenant_id).exists()
