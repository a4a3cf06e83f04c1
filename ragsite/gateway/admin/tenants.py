"""Tenants: named once."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ragsite.core.admin.base import ReadOnlyAdmin, acting
from ragsite.gateway.admin.limits import LimitsPageMixin
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.models import Tenant
from ragsite.gateway.tenants import tenant_get_or_create

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


@admin.register(Tenant)
class TenantAdmin(LimitsPageMixin, TenantRowsMixin, ReadOnlyAdmin):
    tenant_path = "pk"
    form = TenantForm
    list_display: ClassVar = ("name", "slug", "created_at")
    search_fields: ClassVar = ("name", "slug")
    actions_detail: ClassVar = ("limits",)
    fields: ClassVar = ("name", "slug", "created_at")
    add_fieldsets: ClassVar = ((None, {"fields": ("name",)}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("gateway.add_tenant"))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.pk = tenant_get_or_create(name=obj.name, actor=acting(request)).pk

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("name", "slug", "created_at") if obj else ()
