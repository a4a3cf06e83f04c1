"""The citations that answers rest on, as they were given; answers have a page of their own in `doors`."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.documents.admin.wording import span_in_words, where_in_words
from apps.documents.rights.access import versions_readable_by
from apps.retrieval.models import Citation
from ragsite.core.admin.base import LargeTableAdmin, link, row_link, row_url
from ragsite.core.numbers import number_shown
from ragsite.gateway.admin.rows import TenantRowsMixin


@admin.register(Citation)
class CitationAdmin(TenantRowsMixin, LargeTableAdmin):
    """Those of documents that the user may read."""

    tenant_path = "answer__query__tenant"
    list_display: ClassVar = ("__str__", "source", "where", "span", "rounded_score")
    list_select_related: ClassVar = ("version",)
    fields: ClassVar = ("answer_link", "claim_number", "quote", "source", "where", "span", "rounded_score")
    ordering: ClassVar = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Citation]:
        citations: QuerySet[Citation] = super().get_queryset(request)
        return citations.filter(version__in=versions_readable_by(request.user).order_by().values("pk"))

    @display(description=_("Answer to"))
    def answer_link(self, citation: Citation) -> SafeString:
        """By the question: the answer may quote other documents too."""
        return link(row_url(citation.answer), str(citation.answer.query))

    @display(description=_("Document version"))
    def source(self, citation: Citation) -> SafeString:
        return row_link(citation.version)

    @display(description=_("Where"))
    def where(self, citation: Citation) -> str:
        return where_in_words(citation.heading_path, citation.place)

    @display(description=_("Span"))
    def span(self, citation: Citation) -> str:
        return span_in_words(citation.start, citation.end)

    @display(description=_("Claim"))
    def claim_number(self, citation: Citation) -> int:
        """Counted from 1, as people do."""
        return citation.claim + 1

    @display(description=_("Score"), ordering="score")
    def rounded_score(self, citation: Citation) -> str:
        return number_shown(citation.score, 3)
