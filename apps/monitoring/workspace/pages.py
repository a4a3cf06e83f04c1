"""The doors to a workspace."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django.views.decorators.csrf import csrf_exempt

from apps.documents.models import KnowledgeBase
from apps.monitoring.workspace.documents.uploads import documents_upload
from apps.monitoring.workspace.head import head_of
from apps.monitoring.workspace.place import Place, TabLink, workspace_url
from apps.monitoring.workspace.tabs import TABS, Tab
from ragsite.gateway.members import rows_of_tenants


@admin.site.admin_view
def workspace_view(request: HttpRequest, knowledge_base_id: UUID, tab: str = "") -> HttpResponse:
    """A tab of a knowledge base of the user's tenants; without its name the first one that the user may open.

    Raises:
        Http404: there is no such knowledge base for the user, or no such tab.
        PermissionDenied: the user may open no tab, or not this one.
    """
    place, shown = place_of(request, knowledge_base_id, tab)
    return shown.show(place)


@admin.site.admin_view
@csrf_exempt
def upload_view(request: HttpRequest, knowledge_base_id: UUID) -> HttpResponse:
    """Files for a knowledge base, or for one of its documents: an address of its own, whose bodies may be large.

    Raises:
        Http404, PermissionDenied: as `workspace_view`, for the tab with the documents.
    """
    place, _ = place_of(request, knowledge_base_id, "documents")
    return documents_upload(place)


def place_of(request: HttpRequest, knowledge_base_id: UUID, tab: str) -> tuple[Place, Tab]:
    """What is looked at, and the tab that shows it.

    Raises:
        Http404, PermissionDenied: as `workspace_view`.
    """
    mine = rows_of_tenants(KnowledgeBase.objects.filter(deleted_at=None), request.user, path="tenant")
    knowledge_base = mine.select_related("tenant").filter(pk=knowledge_base_id).first()
    if knowledge_base is None:
        raise Http404("There is no such knowledge base.")
    if tab and tab not in {one.slug for one in TABS}:
        raise Http404(f"A knowledge base has no tab {tab!r}.")
    allowed = [one for one in TABS if request.user.has_perm(one.permission, knowledge_base)]
    shown = next((one for one in allowed if tab in ("", one.slug)), None)
    if shown is None:
        raise PermissionDenied
    return _place(request, knowledge_base, allowed, shown), shown


def _place(request: HttpRequest, knowledge_base: Any, allowed: list[Tab], shown: Tab) -> Place:
    links = (
        TabLink(str(one.title), one.icon, workspace_url(knowledge_base, one.slug), is_open=one is shown)
        for one in allowed
    )
    head = SimpleLazyObject(lambda: head_of(knowledge_base, user=request.user))
    return Place(request, knowledge_base, head, tuple(links))
