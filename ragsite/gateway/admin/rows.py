"""Which rows staff look at: those of the tenants they belong to."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.http import HttpRequest

from ragsite.gateway.members import is_superuser, rows_of_tenants, tenant_ids_of
from ragsite.gateway.models import Tenant
from ragsite.gateway.roles import RowPlace, knowledge_base_id_of, knowledge_bases_where, looking, tenants_where

_BASE = "knowledge_base"


class TenantRowsMixin:
    """Shows a superuser all rows and other staff those of their tenants, in lists, on pages, to actions and to choose from.

    Goes before the admin's own base. `tenant_path` leads from a row to its tenant.
    """

    tenant_path: ClassVar[str] = "tenant"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        mine = rows_of_tenants(rows, request.user, path=self.tenant_path)
        if is_superuser(request.user):
            return mine
        looked_at = Q(**{f"{self.tenant_path}__in": self.tenants_looked_at(request)})
        if granted := self.knowledge_bases_looked_at(request):
            looked_at |= Q(**{f"{self.knowledge_base_path}__in": granted})
        return mine.filter(looked_at)

    def knowledge_bases_looked_at(self, request: HttpRequest) -> frozenset[UUID]:
        """Where a grant's role lets the user look at rows of this model."""
        return knowledge_bases_where(request.user, *looking(self._model)) if self.knowledge_base_path else frozenset()

    @property
    def knowledge_base_path(self) -> str:
        """The way from a row to its knowledge base, beside the one to its tenant; empty where there is none."""
        *steps, last = self.tenant_path.split("__")
        if steps[-1:] == [_BASE]:
            return "__".join(steps)
        model: Any = self._model
        for step in steps:
            model = model._meta.get_field(step).related_model
        if model._meta.label_lower == "documents.knowledgebase" and last == "tenant":
            return "__".join([*steps, "pk"])
        return "__".join([*steps, _BASE]) if _BASE in {one.name for one in model._meta.concrete_fields} else ""

    def tenants_looked_at(self, request: HttpRequest) -> frozenset[UUID]:
        """Where the user may look at rows of this model: a role counts in its own tenant."""
        return tenants_where(request.user, *looking(self._model))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Without a row whether there is any tenant whose rows may be looked at; the others' are not in the list."""
        allowed: bool = super().has_view_permission(request, obj)  # type: ignore[misc]
        return allowed or (
            obj is None and bool(self.tenants_looked_at(request) or self.knowledge_bases_looked_at(request))
        )

    def permission_row(self, obj: Model | None) -> Any:
        """The place of the row, its tenant and knowledge base: there a role counts."""
        if obj is None:
            return None
        tenant = tenant_of(obj, path=self.tenant_path)
        return RowPlace(tenant.pk, knowledge_base_id_of(obj)) if tenant else None

    def is_permitted_on(self, request: HttpRequest, permission: str, object_id: str | None) -> bool:
        """Whether the user may do something to the row of that id, or without one to all rows alike.

        Raises:
            Http404: there is no row of that id for the user.
        """
        row = None if object_id is None else self.row_or_404(request, object_id)  # type: ignore[attr-defined]
        return bool(request.user.has_perm(permission, self.permission_row(row)))

    @property
    def _model(self) -> type[Model]:
        model: type[Model] = self.model  # type: ignore[attr-defined]
        return model

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model is Tenant:
            app, name = self._model._meta.app_label, self._model._meta.model_name
            wanted = tenants_where(request.user, f"{app}.add_{name}", f"{app}.change_{name}")
            kwargs["queryset"] = Tenant.objects.filter(pk__in=wanted)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]


def tenant_of(row: Any, *, path: str) -> Any:
    """The tenant that a row belongs to, by the path that leads there; None where there is none."""
    if path == "pk":
        return row
    *steps, last = path.split("__")
    for step in steps:
        row = getattr(row, step, None)
    held_in = getattr(row, last if last.endswith("_id") else f"{last}_id", None)
    return None if held_in is None else Tenant(pk=held_in)


class TenantFilter(admin.RelatedFieldListFilter):
    """By tenant, of those the user belongs to."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        mine = {"pk__in": tenant_ids_of(request.user)}
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=mine)
