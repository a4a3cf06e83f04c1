"""The pages of the audit log: what was done in the user's tenants, with a document, and with a knowledge base."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.documents.rights.access import documents_shown_to
from apps.monitoring.operations.act_rows import (
    ActFilters,
    acts,
    document_acts,
    knowledge_base_acts,
    reach,
)
from apps.monitoring.operations.acts import KINDS
from apps.monitoring.operations.frame import operations_page, tab_required
from apps.monitoring.operations.tabs import LOOKS_AFTER
from apps.monitoring.rows import mine
from apps.monitoring.workspace.place import workspace_url
from ragsite.core.admin.base import row_url
from ragsite.gateway.staff import users_seen

MOST_OFFERED = 200
LONGEST = 150


@admin.site.admin_view
def activity_view(request: HttpRequest) -> HttpResponse:
    """Who did what in the tenants that the user looks after, the newest first.

    Raises:
        PermissionDenied: the user looks after no tenant.
    """
    tab_required(request, "activity")
    filters = filters_of(request.GET)
    page = acts(request, filters, permission=LOOKS_AFTER)
    bases = mine(request, KnowledgeBase.objects.filter(deleted_at=None)).order_by("name")
    people = users_seen(request.user).order_by("username").values_list("username", flat=True)
    context: dict[str, Any] = {
        "acts": page.acts,
        "older": page.older,
        "filters": filters,
        "kinds": {name: words for name, (words, _types) in KINDS.items()},
        "knowledge_bases": bases[:MOST_OFFERED],
        "people": people[:MOST_OFFERED],
        "reach": reach(request, permission=LOOKS_AFTER),
    }
    return operations_page(request, "activity", context)


def filters_of(asked: Mapping[str, str]) -> ActFilters:
    """What is asked for by an address; what does not make sense is left out."""
    return ActFilters(
        kind=kind if (kind := asked.get("kind", "")) in KINDS else "",
        person=_text(asked, "person"),
        knowledge_base=_uuid_or_empty(asked.get("knowledge_base", "")),
        object=_text(asked, "object"),
        request=_text(asked, "request"),
        since=_day(asked.get("since", "")),
        last=_day(asked.get("last", "")),
        before=UUID(before) if (before := _uuid_or_empty(asked.get("before", ""))) else None,
    )


def _text(asked: Mapping[str, str], name: str) -> str:
    return asked.get(name, "").replace("\0", "").strip()[:LONGEST]


def _uuid_or_empty(said: str) -> str:
    try:
        return str(UUID(said))
    except ValueError:
        return ""


def _day(said: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(said[:10]), time(), tzinfo=UTC)
    except ValueError:
        return None


@admin.site.admin_view
def document_history_view(request: HttpRequest, document_id: UUID) -> HttpResponse:
    """What was done with a document that the user sees.

    Raises:
        Http404: there is none of that id for the user.
    """
    document = documents_shown_to(request.user).filter(pk=document_id).first()
    if document is None or not request.user.has_perm("documents.view_document", document):
        raise Http404(f"There is no document {document_id}.")
    return _history(request, document.name, document_acts(request, document), row_url(document))


@admin.site.admin_view
def version_history_view(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """A version's history is its document's.

    Raises:
        Http404: there is none of that id for the user.
    """
    version = mine(request, DocumentVersion.objects.all(), path="document__tenant").filter(pk=version_id).first()
    if version is None:
        raise Http404(f"There is no version {version_id}.")
    return redirect("document-history", version.document_id)


@admin.site.admin_view
def knowledge_base_history_view(request: HttpRequest, knowledge_base_id: UUID) -> HttpResponse:
    """What was done with a knowledge base that the user sees.

    Raises:
        Http404: there is none of that id for the user.
    """
    base = mine(request, KnowledgeBase.objects.filter(deleted_at=None)).filter(pk=knowledge_base_id).first()
    if base is None or not request.user.has_perm("documents.view_knowledgebase", base):
        raise Http404(f"There is no knowledge base {knowledge_base_id}.")
    return _history(request, base.name, knowledge_base_acts(request, base), workspace_url(base))


def _history(request: HttpRequest, name: str, found: Any, url: str) -> HttpResponse:
    title = _("History of %(name)s") % {"name": name}
    context = {
        **admin.site.each_context(request),
        "title": title,
        "content_title": title,
        "acts": found,
        "back": url,
        "back_name": name,
    }
    return TemplateResponse(request, "ragsite/operations/history.html", context)
