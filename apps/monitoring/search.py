"""The search of the whole admin: pages, knowledge bases, documents and questions by name, of what the user may see and no more.

It takes the place of the theme's, which knows pages alone and keeps what it found for minutes, also of rights that have gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from unfold.dataclasses import SearchResult

from apps.documents.admin.addresses import document_url
from apps.documents.models import Document, KnowledgeBase
from apps.documents.rights.access import knowledge_bases_readable_by
from apps.documents.rights.titles import documents_titled
from apps.monitoring.navigation import navigation
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import Query
from ragsite.core.admin.base import row_url
from ragsite.gateway.members import rows_of_tenants

OF_A_KIND = 8
RECENT = 2_000
"""Among so many of the last questions is looked: of all of them it would be a look at each."""
LONGEST = 200


@admin.site.admin_view
def search_view(request: HttpRequest) -> HttpResponse:
    """What is called so, as a list for the dialog that asks."""
    wanted = " ".join(request.GET.get("s", "").replace("\0", "").split())[:LONGEST]
    found = search(request, wanted) if wanted else []
    headers = {"HX-Trigger": "search", "Cache-Control": "no-store"}
    return TemplateResponse(request, "unfold/helpers/command_results.html", {"results": found}, headers=headers)


def search(request: HttpRequest, wanted: str) -> list[SearchResult]:
    """Pages, knowledge bases, documents and questions, a few of each."""
    sections = (
        ("documents.view_knowledgebase", _knowledge_bases),
        ("documents.view_document", _documents),
        ("retrieval.view_query", _questions),
    )
    found = [_pages(request, wanted)]
    found += [section(request, wanted) for permission, section in sections if request.user.has_perm(permission)]
    return [one for some in found for one in some]


def _pages(request: HttpRequest, wanted: str) -> list[SearchResult]:
    pages = [item for group in navigation(request) for item in group["items"]]
    named = [page for page in pages if wanted.lower() in page["title"].lower()]
    return [SearchResult(page["title"], _("Page"), page["link"], page["icon"]) for page in named]


def _knowledge_bases(request: HttpRequest, wanted: str) -> list[SearchResult]:
    rows: Iterable[KnowledgeBase] = knowledge_bases_readable_by(request.user).filter(name__icontains=wanted)[:OF_A_KIND]
    return [SearchResult(row.name, _("Knowledge base"), workspace_url(row), "library_books") for row in rows]


def _documents(request: HttpRequest, wanted: str) -> list[SearchResult]:
    titled = documents_titled(request.user, wanted).select_related("knowledge_base")
    rows: Iterable[Document] = titled[:OF_A_KIND]
    return [SearchResult(row.name, _where(row), document_url(row), "description") for row in rows]


def _where(row: Document) -> str:
    """The knowledge base, and the title where the document is not called by that."""
    return str(row.knowledge_base) if row.name == row.title else f"{row.knowledge_base}: {row.title}"


def _questions(request: HttpRequest, wanted: str) -> list[SearchResult]:
    mine: Any = rows_of_tenants(Query.objects.order_by("-id"), request.user, path="tenant")
    rows = Query.objects.filter(pk__in=mine.values("pk")[:RECENT], question__icontains=wanted).order_by("-id")
    return [SearchResult(str(row), _("Question"), row_url(row), "forum") for row in rows[:OF_A_KIND]]
