"""Which evaluation sets and runs staff see: those of the knowledge bases that they may read, as over REST."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by
from ragsite.gateway.admin.rows import TenantRowsMixin


class ReadableRowsMixin(TenantRowsMixin):
    """Shows the rows of readable knowledge bases only, in lists, on pages, to actions and to choose from.

    Goes before the admin's own base. `tenant_path` leads to the tenant by way of the knowledge base.
    """

    tenant_path = "knowledge_base__tenant"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        path = self.tenant_path.removesuffix("__tenant")
        return super().get_queryset(request).filter(**{f"{path}__in": knowledge_bases_readable_by(request.user)})

    def formfield_for_foreignkey(self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.remote_field.model is KnowledgeBase:
            kwargs["queryset"] = knowledge_bases_readable_by(request.user)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class ReadableFilter(admin.RelatedFieldListFilter):
    """By a related row of a knowledge base that the user may read, or by such a knowledge base itself."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        path = "pk" if field.remote_field.model is KnowledgeBase else "knowledge_base"
        readable = {f"{path}__in": knowledge_bases_readable_by(request.user)}
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=readable)
