"""Questions & answers: what was asked, and the page that asks."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from apps.documents.models import KnowledgeBase
from apps.retrieval.doors.admin.marking import passage_mark_page
from apps.retrieval.doors.admin.showing import answer_shown, steps_in_order
from apps.retrieval.doors.admin.trying import query_try_page
from apps.retrieval.models import Answer, Query
from ragsite.core.admin.base import LargeTableAdmin, badge
from ragsite.gateway.admin.rows import TenantFilter, TenantRowsMixin


@admin.register(Query)
class QueryAdmin(TenantRowsMixin, LargeTableAdmin):
    list_display: ClassVar = ("__str__", "found", "asked_by", "tenant", "generator", "created_at")
    list_filter: ClassVar = ("answer__found", ("tenant", TenantFilter))
    list_select_related: ClassVar = ("answer", "tenant")
    search_fields: ClassVar = ("question", "asked_by")
    actions_list: ClassVar = ("try_query",)
    fieldsets: ClassVar = (
        (None, {"fields": ("question", "shown_answer")}),
        ("Asked", {"fields": ("asked_by", "tenant", "searched", "created_at", "milliseconds")}),
    )

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.try_page)
        mark = self.admin_site.admin_view(passage_mark_page)
        own = [path("try/", page, name="retrieval_query_try"), path("mark/", mark, name="retrieval_query_mark")]
        return [*own, *super().get_urls()]

    def try_page(self, request: HttpRequest) -> HttpResponse:
        return query_try_page(request, site=self.admin_site)

    @action(description="Try a query", icon="forum", url_path="try-a-query", variant=ActionVariant.PRIMARY)
    def try_query(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:retrieval_query_try")

    @display(description="Answer")
    def found(self, query: Query) -> SafeString:
        if not hasattr(query, "answer"):
            return badge("None", None)
        return badge("Found", "success") if query.answer.found else badge("Not found", "warning")

    @display(description="Generator")
    def generator(self, query: Query) -> str:
        return query.answer.generator if hasattr(query, "answer") else ""

    @display(description="Answer")
    def shown_answer(self, query: Query) -> SafeString | str:
        answer = Answer.objects.filter(query=query).prefetch_related("citations__version__document").first()
        if answer is None:
            return "None was given"
        return render_to_string("ragsite/admin/answer.html", {"answer": answer_shown(answer)})

    @display(description="Knowledge bases")
    def searched(self, query: Query) -> str:
        names: QuerySet[Any, str] = KnowledgeBase.objects.filter(pk__in=query.knowledge_base_ids).values_list(
            "name", flat=True
        )
        return ", ".join(names) or "None"

    @display(description="Time taken")
    def milliseconds(self, query: Query) -> SafeString | str:
        if not hasattr(query, "answer"):
            return ""
        steps = steps_in_order(query.answer.milliseconds)
        return render_to_string("ragsite/admin/milliseconds.html", {"milliseconds": steps})
