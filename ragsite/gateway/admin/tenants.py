"""Tenants: named once."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from ragsite.core.admin.base import ReadOnlyAdmin, acting
from ragsite.gateway.admin.limits import LimitsPageMixin
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.models import Tenant
from ragsite.gateway.tenants import tenant_audit_keep, tenant_get_or_create

LONGEST_SLUG = 60


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A name that is not taken; the short name follows from it."""

    class Meta:
        model = Tenant
        fields: ClassVar = ("name",)
        help_texts: ClassVar = {"name": _("Cannot be changed later.")}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        slug = slugify(name)
        if not slug:
            raise forms.ValidationError(
                gettext("%(name)s has no letter or digit to make a short name of. Choose another name.")
                % {"name": f"{name!r}"}
            )
        if len(slug) > LONGEST_SLUG:
            raise forms.ValidationError(
                gettext("%(slug)s is %(count)s characters long. Choose one of %(longest_slug)s at most.")
                % {"slug": f"{slug!r}", "count": len(slug), "longest_slug": LONGEST_SLUG}
            )
        if Tenant.objects.filter(slug=slug).exists():
            raise forms.ValidationError(
                gettext("There is already a tenant with the short name %(slug)s. Choose another name.")
                % {"slug": f"{slug!r}"}
            )
        return name


class TenantChangeForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """How long the audit log is kept."""

    class Meta:
        model = Tenant
        fields: ClassVar = ("audit_days",)
        widgets: ClassVar = {"audit_days": UnfoldAdminIntegerFieldWidget}


@admin.register(Tenant)
class TenantAdmin(LimitsPageMixin, TenantRowsMixin, ReadOnlyAdmin):
    """How long the audit log is kept is not said by those whom it tells of: it needs a permission given in Django."""

    tenant_path = "pk"
    form = TenantForm
    list_display: ClassVar = ("name", "slug", "created_at")
    search_fields: ClassVar = ("name", "slug")
    actions_detail: ClassVar = ("limits", "erase")
    fields: ClassVar = ("name", "slug", "audit_days", "created_at")
    add_fieldsets: ClassVar = ((None, {"fields": ("name",)}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("gateway.add_tenant"))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("gateway.change_tenant"))

    def has_erase_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "retrieval.add_erasure", object_id)

    @action(description=_("Erase data"), icon="delete_forever", url_path="erase-data", permissions=["erase"])
    def erase(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.row_or_404(request, object_id)
        return redirect(reverse("erasing", query={"tenant": tenant.pk, "subject": "tenant"}))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change=change, **kwargs | ({"form": TenantChangeForm} if obj else {}))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            tenant_audit_keep(tenant=obj, days=obj.audit_days, actor=acting(request))
            return
        obj.pk = tenant_get_or_create(name=obj.name, actor=acting(request)).pk

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        kept = () if self.has_change_permission(request, obj) else ("audit_days",)
        return ("name", "slug", "created_at", *kept) if obj else ()
