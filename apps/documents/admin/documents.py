"""Documents: what is in a knowledge base and how far it has come."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.documents.admin.counts import documents_counted
from apps.documents.admin.wording import size_in_words, status_badge
from apps.documents.models import Document, DocumentVersion, VersionStatus
from apps.documents.services.documents import document_delete
from ragsite.core.admin.base import ReadOnlyAdmin, ReadOnlyInline, ServiceDeleteMixin, row_link


class KnowledgeBaseFilter(admin.RelatedFieldListFilter):
    """The knowledge bases that are not deleted."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"deleted_at": None})


class NewestStatusFilter(admin.SimpleListFilter):
    """By the status of the newest version."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in VersionStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(newest_status=self.value()) if self.value() else queryset


class VersionInline(ReadOnlyInline):
    """The document's versions, the newest first."""

    model = DocumentVersion
    fk_name = "document"
    verbose_name_plural = "Versions"
    ordering: ClassVar = ("-number",)
    per_page = 20
    fields: ClassVar = ("page", "state", "chunk_count", "size_text", "created_at", "ready_at")
    hide_title = True

    @display(description="Version")
    def page(self, version: DocumentVersion) -> SafeString:
        return row_link(version)

    @display(description="Status")
    def state(self, version: DocumentVersion) -> SafeString:
        return status_badge(version.status)

    @display(description="Size")
    def size_text(self, version: DocumentVersion) -> str:
        return size_in_words(version.size)


@admin.register(Document)
class DocumentAdmin(ServiceDeleteMixin, ReadOnlyAdmin):
    list_display: ClassVar = ("title", "knowledge_base", "state", "versions", "chunks", "created_at")
    list_filter: ClassVar = (NewestStatusFilter, ("knowledge_base", KnowledgeBaseFilter), "tenant")
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("title", "external_id")
    inlines: ClassVar = (VersionInline,)
    fields: ClassVar = (
        ("title", "state"),
        ("knowledge_base", "tenant"),
        ("current_version", "created_at"),
        "external_id",
        "metadata",
        "content_hash",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        living = super().get_queryset(request).filter(deleted_at=None, knowledge_base__deleted_at=None)
        return documents_counted(living)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.has_perm("documents.delete_document"))

    def service_delete(self, row: Document) -> None:
        document_delete(document=row)

    @display(description="Status", ordering="newest_status")
    def state(self, row: Any) -> SafeString:
        return status_badge(row.newest_status)

    @display(description="Versions", ordering="version_total")
    def versions(self, row: Any) -> str:
        return f"{row.version_total:,}"

    @display(description="Chunks", ordering="chunk_total")
    def chunks(self, row: Any) -> str:
        return f"{row.chunk_total:,}"
