"""Knowledge bases that were deleted: how much of each is removed, and why one stopped."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from apps.documents.models import DeletionState, KnowledgeBaseDeletion
from apps.documents.services.deleting import knowledge_base_deletion_resume
from ragsite.core.actors import actor_text
from ragsite.core.admin.base import ReadOnlyAdmin, acting, badge, errors_told
from ragsite.core.numbers import number_shown
from ragsite.gateway.admin.rows import TenantRowsMixin
from ragsite.gateway.members import tenant_ids_of
from ragsite.gateway.roles import permissions_held

TONES: dict[str, str] = {DeletionState.DONE: "success", DeletionState.FAILED: "danger"}


@admin.register(KnowledgeBaseDeletion)
class KnowledgeBaseDeletionAdmin(TenantRowsMixin, ReadOnlyAdmin):
    tenant_path = "knowledge_base__tenant"
    list_display: ClassVar = (
        "knowledge_base",
        "shown_state",
        "progress",
        "explanation",
        "asked_by",
        "created_at",
        "ended_at",
    )
    list_filter: ClassVar = ("state",)
    list_select_related: ClassVar = ("knowledge_base",)
    search_fields: ClassVar = ("knowledge_base__name",)
    actions: ClassVar = ("resume_selected",)
    fields: ClassVar = (
        "knowledge_base", "shown_state", "explanation", "document_total", "document_told", "document_gone", "asked_by",
        "created_at", "ended_at",
    )  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Also for users who were given knowledge bases to view."""
        if super().has_view_permission(request, obj):
            return True
        return "documents.view_knowledgebase" in permissions_held(request.user)

    def tenants_looked_at(self, request: HttpRequest) -> frozenset[UUID]:
        """Also of those who were given knowledge bases to view."""
        given = "documents.view_knowledgebase" in permissions_held(request.user)
        return tenant_ids_of(request.user) if given else super().tenants_looked_at(request)

    def has_resume_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("documents.delete_knowledgebase"))

    @action(description=_("Go on with the selected deletions that failed"), permissions=["resume"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[KnowledgeBaseDeletion]) -> None:
        for deletion in queryset:
            with errors_told(request):
                knowledge_base_deletion_resume(deletion=deletion, actor=acting(request))
                messages.success(request, gettext("The deletion of %(deletion)s continues.") % {"deletion": deletion})

    @display(description=_("State"), ordering="state")
    def shown_state(self, deletion: KnowledgeBaseDeletion) -> SafeString:
        return badge(DeletionState(deletion.state).label, TONES.get(deletion.state, "info"))

    @display(description=_("Documents removed"))
    def progress(self, deletion: Any) -> str:
        counts = {"n": number_shown(deletion.document_gone), "total": number_shown(deletion.document_total)}
        return gettext("%(n)s of %(total)s") % counts

    @display(description=_("Asked by"))
    def asked_by(self, deletion: KnowledgeBaseDeletion) -> str:
        return actor_text(deletion.actor)

    @display(description=_("Progress"))
    def explanation(self, deletion: KnowledgeBaseDeletion) -> str:
        return deletion.in_words
