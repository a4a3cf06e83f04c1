"""Which rows staff look at: those of the tenants they belong to."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from ragsite.gateway.members import rows_of_tenants, tenant_ids_of
from ragsite.gateway.models import Tenant


class TenantRowsMixin:
    """Shows a superuser all rows and other staff those of their tenants, in lists, on pages, to actions and to choose from.

    Goes before the admin's own base. `tenant_path` leads from a row to its tenant.
    """

    tenant_path: ClassVar[str] = "tenant"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return rows_of_tenants(rows, request.user, path=self.tenant_path)

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Tenant:
            kwargs["queryset"] = rows_of_tenants(Tenant.objects.all(), request.user, path="pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


class TenantFilter(admin.RelatedFieldListFilter):
    """By tenant, of those the user belongs to."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        mine = {"pk__in": tenant_ids_of(request.user)}
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=mine)
