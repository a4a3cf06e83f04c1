"""Questions & answers: what was asked, and the way to where it is asked."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.documents.rights.access import knowledge_bases_readable_by
from apps.retrieval.doors.admin.answers import answer_page, ask_url, found_badge
from apps.retrieval.doors.admin.marking import passage_mark_page
from apps.retrieval.models import Query
from ragsite.core.admin.base import LargeTableAdmin
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin


@admin.register(Query)
class QueryAdmin(TenantRowsMixin, LargeTableAdmin):
    list_display: ClassVar = ("__str__", "found", "asked_by", "tenant", "generator", "created_at")
    list_filter: ClassVar = ("answer__found", ("tenant", TenantFilter))
    list_select_related: ClassVar = ("answer", "tenant")
    search_fields: ClassVar = ("question", "asked_by")
    actions_list: ClassVar = ("try_query",)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.try_page)
        mark = self.admin_site.admin_view(passage_mark_page)
        own = [path("try/", page, name="retrieval_query_try"), path("mark/", mark, name="retrieval_query_mark")]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page of its answer."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return answer_page(request, self.row_or_404(request, object_id), site=self.admin_site)

    def try_page(self, request: HttpRequest) -> HttpResponse:
        """To where a knowledge base is asked: the one that is named, or the only one that the user reads; else to all."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        readable = knowledge_bases_readable_by(request.user)
        try:
            base = readable.filter(pk=request.GET["knowledge_base"]).first() if request.GET else None
        except (KeyError, ValidationError):
            base = None
        if base is None and len(some := readable[:2]) == 1:
            base = some[0]
        return redirect(ask_url(base) if base else "admin:documents_knowledgebase_changelist")

    @action(description=_("Ask"), icon="forum", url_path="try-a-query", variant=ActionVariant.PRIMARY)
    def try_query(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:retrieval_query_try")

    @display(description=_("Answer"))
    def found(self, query: Query) -> SafeString:
        return found_badge(getattr(query, "answer", None))

    @display(description=_("Generator"))
    def generator(self, query: Query) -> str:
        return query.answer.generator if hasattr(query, "answer") else ""
