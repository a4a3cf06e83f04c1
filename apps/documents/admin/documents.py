"""Documents: what is in a knowledge base and how far it has come."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.documents.admin.counts import documents_counted
from apps.documents.admin.finding import documents_named
from apps.documents.admin.forms import DocumentForm
from apps.documents.admin.grants import DocumentGrantForm, GivesGrantsMixin, GrantInline, grant_action
from apps.documents.admin.uploading import new_version_page, upload_page
from apps.documents.admin.wording import (
    chunking_in_words,
    name_over_title,
    origin_in_words,
    size_in_words,
    status_badge,
)
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import LIVING, Document, DocumentVersion, KnowledgeBase, VersionStatus, Visibility
from apps.documents.services.documents import document_delete, document_update
from ragsite.core.actors import Actor, actor_text
from ragsite.core.admin.base import (
    LargeListMixin,
    RagAdmin,
    ReadOnlyInline,
    ServiceDeleteMixin,
    acting,
    badge,
    confirmation,
    dialog_done,
    errors_told,
    row_link,
    row_url,
)
from ragsite.core.numbers import number_shown
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.members import rows_of_tenants

RECHUNKED = _(
    "What you fill in here replaces the knowledge base's settings for this document. A change cuts its text anew as a new"
    " version; the current one keeps answering until that is ready."
)


class KnowledgeBaseFilter(admin.RelatedFieldListFilter):
    """The knowledge bases of the user's tenants that are not deleted."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        mine = rows_of_tenants(KnowledgeBase.objects.filter(deleted_at=None), request.user, path="tenant")
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"pk__in": mine.values("pk")})


class NewestStatusFilter(admin.SimpleListFilter):
    """By the status of the newest version."""

    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in VersionStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if wanted and wanted != VersionStatus.READY:
            # All others are those of a few versions, so these are looked up first.
            queryset = queryset.filter(pk__in=DocumentVersion.objects.filter(status=wanted).values("document"))
        return queryset.filter(newest_status=wanted) if wanted else queryset


class VersionInline(ReadOnlyInline):
    """The document's versions, the newest first."""

    model = DocumentVersion
    fk_name = "document"
    verbose_name_plural = _("Versions")
    ordering: ClassVar = ("-number",)
    per_page = 20
    fields: ClassVar = ("page", "origin", "asked_by", "state", "chunk_count", "size_text", "created_at", "ready_at")
    hide_title = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[DocumentVersion]:
        versions: QuerySet[DocumentVersion] = super().get_queryset(request)
        return versions.select_related("rechunk_of")

    @display(description=_("Version"))
    def page(self, version: DocumentVersion) -> SafeString:
        return row_link(version)

    @display(description=_("Status"))
    def state(self, version: DocumentVersion) -> SafeString:
        return status_badge(version.status)

    @display(description=_("Asked by"))
    def asked_by(self, version: DocumentVersion) -> str:
        return actor_text(version.actor)

    @display(description=_("Origin"))
    def origin(self, version: DocumentVersion) -> str:
        return origin_in_words(version)

    @display(description=_("Size"))
    def size_text(self, version: DocumentVersion) -> str:
        return size_in_words(version.size)


@admin.register(Document)
class DocumentAdmin(ServiceDeleteMixin, GivesGrantsMixin, TenantRowsMixin, LargeListMixin, RagAdmin):
    form = DocumentForm
    list_display: ClassVar = ("called", "knowledge_base", "state", "versions", "chunks", "created_at")
    list_filter: ClassVar = (NewestStatusFilter, ("knowledge_base", KnowledgeBaseFilter), ("tenant", TenantFilter))
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("title", "external_id")
    search_help_text = _("A title or external id; the newest 1,000 are found")
    inlines: ClassVar = (VersionInline, GrantInline)
    actions_detail: ClassVar = ("new_version", "give_grant", "restrict", "lift_restriction")
    give_grant = grant_action(DocumentGrantForm)
    readonly_fields: ClassVar = (
        "state", "knowledge_base", "tenant", "readers", "current_version", "created_at", "updated_at", "metadata", "content_hash",
        "document_type", "language", "cut",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        living = super().get_queryset(request).filter(LIVING)
        return documents_counted(living)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Document], search_term: str) -> Any:
        return (queryset.filter(pk__in=documents_named(request.user, search_term)) if search_term else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: Document | None = None) -> Any:
        about = ("title", "external_id", "tags", ("state", "current_version"), ("knowledge_base", "tenant"), "readers")
        chunking = ("cut", "chunk_strategy", ("chunk_size", "chunk_overlap"), "chunk_context")
        may_change = self.has_change_permission(request, obj)
        return (
            (None, {"fields": about}),
            (
                gettext("How it is cut"),
                {"fields": chunking if may_change else ("cut",), "description": RECHUNKED if may_change else ""},
            ),
            (
                gettext("More about it"),
                {
                    "fields": ("metadata", ("document_type", "language"), "content_hash", ("created_at", "updated_at")),
                    "classes": ("collapse",),
                },
            ),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_upload_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "documents.change_document", object_id)

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        document_update(
            document=obj, title=obj.title, external_id=obj.external_id, tags=obj.tags, chunking=form.chunking(),
            actor=acting(request),
        )  # fmt: skip

    @method_decorator(csrf_exempt)
    @action(
        description=_("Upload a new version"),
        icon="upload_file",
        permissions=["upload"],
        variant=ActionVariant.PRIMARY,
    )
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        document = self.row_or_404(request, object_id)
        return upload_page(request, page=new_version_page(document, actor=acting(request)), site=self.admin_site)

    def has_restrict_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_turn(request, object_id, restricted=False)

    def has_lift_restriction_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self._may_turn(request, object_id, restricted=True)

    def _may_turn(self, request: HttpRequest, object_id: str | None, *, restricted: bool) -> bool:
        """Allowed to those who may give grants; a document's page shows only the button that fits of the two."""
        if object_id is None or not self.is_permitted_on(request, "documents.add_grant", object_id):
            return False
        row = self.get_object(request, object_id)
        return row is not None and (request.method == "POST" or row.restricted is restricted)

    @action(
        description=_("Restrict access"),
        icon="lock",
        permissions=["restrict"],
        dialog=confirmation(
            title=_("Restrict this document?"),
            text=_(
                "From now on only those who were granted the document itself may read it, find it, or see answers that "
                "quote it."
            ),
            button=_("Restrict"),
        ),
    )
    def restrict(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, restricted=True)

    @action(
        description=_("Lift the restriction"),
        icon="lock_open",
        permissions=["lift_restriction"],
        dialog=confirmation(
            title=_("Lift the restriction?"),
            text=_("From now on all who may read the knowledge base may read this document."),
            button=_("Lift it"),
        ),
    )
    def lift_restriction(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, restricted=False)

    def _turn(self, request: HttpRequest, object_id: str, *, restricted: bool) -> HttpResponse:
        document = self.row_or_404(request, object_id)
        with errors_told(request):
            document_update(document=document, restricted=restricted, actor=acting(request))
            messages.success(
                request,
                (gettext("%(name)s is restricted now.") if restricted else gettext("%(name)s is not restricted now."))
                % {"name": document},
            )
        return dialog_done(row_url(document))

    @display(description=_("Who may read it"))
    def readers(self, row: Document) -> SafeString:
        if row.restricted:
            return badge(gettext("Only by a grant on it"), "warning")
        if row.knowledge_base.visibility == Visibility.RESTRICTED:
            return badge(gettext("By a grant on it or on its knowledge base"), "warning")
        return badge(gettext("Everybody of the tenant"), "success")

    def service_delete(self, row: Document, *, actor: Actor) -> None:
        document_delete(document=row, actor=actor)

    @display(description=_("Title"), ordering="title")
    def called(self, row: Document) -> SafeString:
        return name_over_title(row)

    @display(description=_("Status"), ordering="newest_status")
    def state(self, row: Any) -> SafeString:
        return status_badge(row.newest_status)

    @display(description=_("Now"))
    def cut(self, row: Document) -> str:
        base = ChunkingSettings.from_dict(row.knowledge_base.chunking)
        whose = gettext("this document's own settings") if row.chunking else gettext("as in the knowledge base")
        return f"{chunking_in_words(base.overridden(row.chunking))}: {whose}"

    @display(description=_("Versions"), ordering="version_total")
    def versions(self, row: Any) -> str:
        return number_shown(row.version_total)

    @display(description=_("Passages"), ordering="chunk_total")
    def chunks(self, row: Any) -> str:
        return number_shown(row.chunk_total)
