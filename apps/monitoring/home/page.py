"""What the admin's first page shows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext

from apps.documents.models import LIVING, Document, KnowledgeBase
from apps.monitoring.home.attention import attention
from apps.monitoring.home.charts import charts
from apps.monitoring.home.starting import is_empty, may_start
from apps.monitoring.operations.queues import queues_waiting
from apps.monitoring.operations.tabs import SEES_QUEUES
from apps.monitoring.rows import counted, list_url, mine
from apps.retrieval.models import Query
from ragsite.gateway.roles import may_somewhere

SHOWN = 6


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback. Only what the user may look at is shown, of the user's tenants."""
    starts = may_start(request) and is_empty(request)
    shown = {"questions": _questions(request), "charts": charts(request)} if not starts else {}
    return context | {"title": gettext("Home"), "starts": starts} | _live(request) | shown


@admin.site.admin_view
def home_live_view(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes while somebody looks at it."""
    return TemplateResponse(request, "ragsite/home/live.html", _live(request))


def _live(request: HttpRequest) -> dict[str, Any]:
    waits = queues_waiting(request.user) if may_somewhere(request.user, SEES_QUEUES) else None
    return {
        "attention": attention(request),
        "figures": _figures(request),
        "queues": waits,
        "queues_url": reverse("workers"),
    }


def _figures(request: HttpRequest) -> list[dict[str, Any]]:
    bases = KnowledgeBase.objects.filter(deleted_at=None)
    figures = [
        ("documents.view_knowledgebase", gettext("Knowledge bases"), "library_books", bases),
        ("documents.view_document", gettext("Documents"), "description", Document.objects.filter(LIVING)),
        ("retrieval.view_query", gettext("Questions asked"), "forum", Query.objects.all()),
    ]
    return [
        {"title": title, "icon": icon, "value": str(counted(mine(request, rows))), "url": list_url(rows.model)}
        for permission, title, icon, rows in figures
        if request.user.has_perm(permission)
    ]


def _questions(request: HttpRequest) -> list[dict[str, Any]] | None:
    if not request.user.has_perm("retrieval.view_query"):
        return None
    rows = mine(request, Query.objects.select_related("answer")).order_by("-id")[:SHOWN]
    return [
        {
            "text": one.question,
            "url": reverse("admin:retrieval_query_change", args=[one.pk]),
            "asked_by": one.asked_by,
            "at": one.created_at,
            "answer": getattr(one, "answer", None),
        }
        for one in rows
    ]
