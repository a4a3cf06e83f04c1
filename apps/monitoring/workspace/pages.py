"""The door to a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from apps.documents.models import KnowledgeBase
from apps.monitoring.workspace.head import head_of
from apps.monitoring.workspace.place import Place, TabLink, workspace_url
from apps.monitoring.workspace.tabs import TABS, Tab
from ragsite.gateway.members import rows_of_tenants


@dataclass(frozen=True, slots=True)
class Opened:
    """A knowledge base that the user came to: the tabs that the user may open, and the one that is opened."""

    knowledge_base: KnowledgeBase
    allowed: tuple[Tab, ...]
    shown: Tab


@admin.site.admin_view
def workspace_view(request: HttpRequest, knowledge_base_id: UUID, tab: str = "") -> HttpResponse:
    """A tab of a knowledge base of the user's tenants; without its name the first one that the user may open.

    Raises:
        Http404, PermissionDenied: as `workspace_open`.
    """
    opened = workspace_open(request, knowledge_base_id, tab)
    return opened.shown.show(_place(request, opened))


def workspace_open(request: HttpRequest, knowledge_base_id: UUID, tab: str = "") -> Opened:
    """What the user may open of it, for a tab's page and for addresses below it.

    Raises:
        Http404: there is no such knowledge base for the user, or no such tab.
        PermissionDenied: the user may open no tab, or not this one.
    """
    mine = rows_of_tenants(KnowledgeBase.objects.filter(deleted_at=None), request.user, path="tenant")
    knowledge_base = mine.select_related("tenant").filter(pk=knowledge_base_id).first()
    if knowledge_base is None:
        raise Http404("There is no such knowledge base.")
    if tab and tab not in {one.slug for one in TABS}:
        raise Http404(f"A knowledge base has no tab {tab!r}.")
    allowed = tuple(one for one in TABS if request.user.has_perm(one.permission))
    shown = next((one for one in allowed if tab in ("", one.slug)), None)
    if shown is None:
        raise PermissionDenied
    return Opened(knowledge_base, allowed, shown)


def _place(request: HttpRequest, opened: Opened) -> Place:
    base = opened.knowledge_base
    links = (
        TabLink(one.title, one.icon, workspace_url(base, one.slug), is_open=one is opened.shown)
        for one in opened.allowed
    )
    return Place(request, base, head_of(base), tuple(links))
