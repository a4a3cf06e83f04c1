"""What the admin's first page shows: how much there is, what is under way, what failed."""

from __future__ import annotations

from typing import Any

from django.db.models import Count
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.documents.models import LIVING, LIVING_VERSIONS, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.retrieval.models import Query
from ragsite.core.models import OutboxEvent
from ragsite.gateway.members import rows_of_tenants

SHOWN = 5
TONES: dict[str, str] = {VersionStatus.READY: "success", VersionStatus.FAILED: "danger"}


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's dashboard callback. Only what the user may look at is shown, of the user's tenants."""
    sections = {
        "figures": ("documents.view_document", _figures),
        "statuses": ("documents.view_documentversion", _statuses),
        "failures": ("documents.view_documentversion", _failures),
        "questions": ("retrieval.view_query", _questions),
    }
    shown = {name: make(request) for name, (permission, make) in sections.items() if request.user.has_perm(permission)}
    return context | {"title": _("Home"), "content_title": _("Home")} | shown


def _figures(request: HttpRequest) -> list[dict[str, Any]]:
    return [
        _figure(
            "Knowledge bases",
            "library_books",
            KnowledgeBase,
            _mine(request, KnowledgeBase.objects.filter(deleted_at=None)).count(),
        ),
        _figure("Documents", "description", Document, _living_documents(request).count()),
        _figure("Questions asked", "forum", Query, _mine(request, Query.objects.all()).count()),
        _figure(
            "Events waiting",
            "outbox",
            OutboxEvent,
            _mine(request, OutboxEvent.objects.filter(sent_at=None), path="tenant_id").count(),
            "?sending=waiting",
        ),
    ]


def _living_documents(request: HttpRequest) -> Any:
    return _mine(request, Document.objects.filter(LIVING))


def _figure(title: str, icon: str, model: Any, value: int, query: str = "") -> dict[str, Any]:
    return {"title": title, "icon": icon, "value": f"{value:,}", "url": _list_url(model) + query}


def _statuses(request: HttpRequest) -> list[dict[str, Any]]:
    versions = DocumentVersion.objects.filter(LIVING_VERSIONS)
    rows = _mine(request, versions, path="document__tenant").order_by().values_list("status")
    counts = dict(rows.annotate(Count("pk")))
    return [
        {
            "label": status.label,
            "tone": TONES.get(status, "neutral"),
            "count": f"{counts.get(status.value, 0):,}",
            "url": f"{_list_url(DocumentVersion)}?status__exact={status.value}",
        }
        for status in VersionStatus
    ]


def _failures(request: HttpRequest) -> Any:
    failed = DocumentVersion.objects.filter(LIVING_VERSIONS, status=VersionStatus.FAILED)
    return (
        _mine(request, failed, path="document__tenant")
        .select_related("document__knowledge_base")
        .order_by("-id")[:SHOWN]
    )


def _questions(request: HttpRequest) -> Any:
    return _mine(request, Query.objects.select_related("answer")).order_by("-id")[:SHOWN]


def _mine(request: HttpRequest, rows: Any, *, path: str = "tenant") -> Any:
    return rows_of_tenants(rows, request.user, path=path)


def _list_url(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
