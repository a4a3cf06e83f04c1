"""Answers and the citations they rest on, as they were given."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from apps.documents.admin.wording import where_in_words
from apps.retrieval.models import Answer, Citation
from ragsite.core.admin.base import LargeTableAdmin, ReadOnlyInline, badge, row_link
from ragsite.gateway.admin.rows import TenantRowsMixin


class CitationColumns:
    """How a citation is shown, under its answer and in the list of all."""

    @display(description="Document version")
    def source(self, citation: Citation) -> SafeString:
        return row_link(citation.version)

    @display(description="Where")
    def where(self, citation: Citation) -> str:
        return where_in_words(citation.heading_path, citation.place)

    @display(description="Span")
    def span(self, citation: Citation) -> str:
        return f"{citation.start:,} to {citation.end:,}"

    @display(description="Claim")
    def claim_number(self, citation: Citation) -> int:
        """Counted from 1, as people do."""
        return citation.claim + 1

    @display(description="Score", ordering="score")
    def rounded_score(self, citation: Citation) -> str:
        return f"{citation.score:.3f}"


class CitationInline(CitationColumns, ReadOnlyInline):
    model = Citation
    hide_title = True
    fields: ClassVar = ("claim_number", "quote", "source", "where", "span", "rounded_score")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Citation]:
        citations: QuerySet[Citation] = super().get_queryset(request)
        return citations.select_related("version")


@admin.register(Answer)
class AnswerAdmin(TenantRowsMixin, LargeTableAdmin):
    tenant_path = "query__tenant"
    list_display: ClassVar = ("__str__", "query", "shown_found", "generator", "created_at")
    list_filter: ClassVar = ("found",)
    list_select_related: ClassVar = ("query",)
    inlines: ClassVar = (CitationInline,)
    fields: ClassVar = ("query", "text", "shown_found", "generator", "shown_degraded", "milliseconds", "created_at")

    @display(description="Found", ordering="found")
    def shown_found(self, answer: Answer) -> SafeString:
        return badge("Found", "success") if answer.found else badge("Not found", "warning")

    @display(description="Degraded")
    def shown_degraded(self, answer: Answer) -> str:
        """What could not be done, in words."""
        return " ".join(one["detail"] for one in answer.degraded) or "Nothing was"


@admin.register(Citation)
class CitationAdmin(CitationColumns, TenantRowsMixin, LargeTableAdmin):
    tenant_path = "answer__query__tenant"
    list_display: ClassVar = ("__str__", "source", "where", "span", "rounded_score")
    list_select_related: ClassVar = ("version",)
    fields: ClassVar = ("answer", "claim_number", "quote", "source", "where", "span", "rounded_score")
    ordering: ClassVar = ("-id",)
