"""Chunks: what a version was cut into."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.documents.admin.finding import versions_named
from apps.documents.admin.wording import heading_in_words, place_in_words, span_in_words
from apps.documents.models import Chunk, DocumentVersion
from ragsite.core.admin.base import LargeTableAdmin
from ragsite.gateway.admin.rows import TenantRowsMixin

EXCERPT_CHARACTERS = 120
MOST_VERSIONS = 200
"""The newest, whose chunks a search leads to."""


@admin.register(Chunk)
class ChunkAdmin(TenantRowsMixin, LargeTableAdmin):
    tenant_path = "version__document__tenant"
    list_display: ClassVar = ("excerpt", "version", "ordinal", "span", "headings", "place_text", "token_count")
    list_select_related: ClassVar = ("version",)
    filtered_by_links = ("chunking_key",)
    ordering: ClassVar = ("-version_id", "chunking_key", "ordinal")
    search_fields: ClassVar = ("version__filename", "version__document__title")
    search_help_text = _("A file name or a document's title; passages of the newest 200 are found")
    fields: ClassVar = (
        "version",
        "ordinal",
        "span",
        "headings",
        "place_text",
        "token_count",
        "chunking_key",
        "whole_text",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Chunk]:
        chunks: QuerySet[Chunk] = super().get_queryset(request)
        living = chunks.filter(version__document__deleted_at=None, version__document__knowledge_base__deleted_at=None)
        return living.defer("text").annotate(beginning=Left("text", EXCERPT_CHARACTERS))

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Chunk], search_term: str) -> Any:
        if not search_term:
            return queryset, False
        named = DocumentVersion.objects.filter(versions_named(request.user, search_term)).order_by("-pk")
        return queryset.filter(version__in=list(named.values_list("pk", flat=True)[:MOST_VERSIONS])), False

    @display(description=_("Text"))
    def excerpt(self, chunk: Any) -> str:
        return f"{chunk.beginning}…" if len(chunk.beginning) == EXCERPT_CHARACTERS else str(chunk.beginning)

    @display(description=_("Span"))
    def span(self, chunk: Chunk) -> str:
        return span_in_words(chunk.start, chunk.end)

    @display(description=_("Headings"))
    def headings(self, chunk: Chunk) -> str:
        return heading_in_words(chunk.heading_path)

    @display(description=_("Place"))
    def place_text(self, chunk: Chunk) -> str:
        return place_in_words(chunk.place)

    @display(description=_("Text"))
    def whole_text(self, chunk: Chunk) -> SafeString:
        return format_html('<pre class="rag-text">{}</pre>', chunk.text)
