"""Knowledge bases: create, fill, try and delete them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.documents.admin.counts import count_in_words, knowledge_bases_counted
from apps.documents.admin.forms import KnowledgeBaseForm
from apps.documents.admin.grants import GivesGrantsMixin, GrantInline, KnowledgeBaseGrantForm, grant_action
from apps.documents.admin.wording import chunking_in_words as in_words
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import KnowledgeBase, Visibility
from apps.documents.services.knowledge_bases import (
    knowledge_base_create,
    knowledge_base_delete_by,
)
from ragsite.core.admin.base import RagAdmin, ServiceDeleteMixin, acting, badge, errors_told, link
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin
from ragsite.gateway.roles import may_somewhere

HOW_SEARCHED = (
    _("How it is searched"),
    {"fields": ("search_mode", ("search_fusion", "search_weight"), ("search_names", "search_same_page"))},
)
MADE_ONCE = ("tenant", "chunking_in_words", "parts", "documents", "created_at")


@admin.register(KnowledgeBase)
class KnowledgeBaseAdmin(ServiceDeleteMixin, GivesGrantsMixin, TenantRowsMixin, RagAdmin):
    form = KnowledgeBaseForm
    list_display: ClassVar = ("workspace", "tenant", "readers", "documents", "ready", "failed", "created_at")
    list_display_links = None
    list_filter: ClassVar = (("tenant", TenantFilter), "visibility")
    list_select_related: ClassVar = ("tenant",)
    search_fields: ClassVar = ("name",)
    inlines: ClassVar = (GrantInline,)
    actions_detail: ClassVar = ("try_query", "index", "give_grant", "upload")
    give_grant = grant_action(KnowledgeBaseGrantForm)
    add_fieldsets: ClassVar = (
        (None, {"fields": ("tenant", "name", "description", "visibility")}),
        (
            _("How documents are cut"),
            {
                "fields": ("chunk_strategy", ("chunk_size", "chunk_overlap"), "chunk_context"),
                "description": _(
                    "For all documents; a re-index changes it later. A document can have settings of its own."
                ),
            },
        ),
        HOW_SEARCHED,
        (
            _("Parts of the index"),
            {
                "fields": ("parts",),
                "description": _(
                    "For large knowledge bases whose questions nearly always ask for some parts; a re-index changes it later."
                ),
            },
        ),
    )
    fieldsets: ClassVar = (
        (None, {"fields": ("tenant", "name", "description", "visibility")}),
        HOW_SEARCHED,
        (_("Contents"), {"fields": ("documents", "chunking_in_words", "parts", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[KnowledgeBase]:
        living = super().get_queryset(request).filter(deleted_at=None)
        return knowledge_bases_counted(living, for_user=request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """In which tenants is for the form: it offers only those."""
        return may_somewhere(request.user, "documents.add_knowledgebase")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        may = request.user.has_perm("documents.add_grant", obj)
        return (MADE_ONCE if obj else ()) + (() if may else ("visibility",))

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        """Grants are shown with the form and are no part of what it sends."""
        return self.inlines if obj and request.method != "POST" else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        said: dict[str, Any] = {"name": obj.name, "description": obj.description, "visibility": obj.visibility}
        said |= {"retrieval": form.retrieval(), "parts": obj.parts, "actor": acting(request)}
        obj.pk = knowledge_base_create(tenant_id=obj.tenant_id, chunking=form.chunking(), **said).pk

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Who may change it does so in its workspace; others look at it here."""
        row: Any = self.get_object(request, unquote(object_id))
        if row is not None and self.has_change_permission(request, row):
            return redirect(reverse("workspace-tab", args=[row.pk, "settings"]))
        page: HttpResponse = super().change_view(request, object_id, form_url, extra_context)
        return page

    def delete_model(self, request: HttpRequest, obj: KnowledgeBase) -> None:
        with errors_told(request):
            knowledge_base_delete_by(request.user, obj, actor=acting(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[KnowledgeBase]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def named_for_deletion(self, row: Any) -> str:
        told = ngettext(
            "%(name)s, with its %(total)s document, which no search finds any more",
            "%(name)s, with its %(total)s documents, which no search finds any more",
            row.document_total,
        )
        return told % {"name": row, "total": count_in_words(row.document_total)}

    def has_upload_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.is_permitted_on(request, "documents.add_document", object_id)

    @action(
        description=_("Upload documents"),
        icon="upload_file",
        permissions=["upload"],
        variant=ActionVariant.PRIMARY,
    )
    def upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(reverse("workspace-tab", args=[self.row_or_404(request, object_id).pk, "documents"]))

    @action(description=_("Try a query"), icon="forum", permissions=["view"])
    def try_query(self, request: HttpRequest, object_id: str) -> HttpResponse:
        knowledge_base = self.row_or_404(request, object_id)
        return redirect(f"{reverse('admin:retrieval_query_try')}?knowledge_base={knowledge_base.pk}")

    @action(description=_("Index"), icon="database", permissions=["view"])
    def index(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Its generations, and how to re-index it."""
        return redirect(reverse("admin:retrieval_reindex_of", args=[self.row_or_404(request, object_id).pk]))

    @display(description=_("Name"), ordering="name")
    def workspace(self, row: KnowledgeBase) -> SafeString:
        return link(reverse("workspace", args=[row.pk]), row.name)

    @display(description=_("Who may read it"), ordering="visibility")
    def readers(self, row: KnowledgeBase) -> SafeString:
        tone = "success" if row.visibility == Visibility.TENANT else "warning"
        return badge(Visibility(row.visibility).label, tone)

    @display(description=_("Documents"), ordering="document_total")
    def documents(self, row: Any) -> SafeString:
        return link(reverse("workspace-tab", args=[row.pk, "documents"]), count_in_words(row.document_total))

    @display(description=_("Ready"), ordering="ready_total")
    def ready(self, row: Any) -> str:
        return count_in_words(row.ready_total)

    @display(description=_("Failed"), ordering="failed_total")
    def failed(self, row: Any) -> SafeString | str:
        return badge(count_in_words(row.failed_total), "danger") if row.failed_total else "0"

    @display(description=_("How documents are cut"))
    def chunking_in_words(self, row: KnowledgeBase) -> str:
        return in_words(ChunkingSettings.from_dict(row.chunking))
