"""A tab that somebody looks at, and the frame around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from apps.documents.models import KnowledgeBase


@dataclass(frozen=True, slots=True)
class TabLink:
    """A tab in the frame, as a link."""

    title: str
    icon: str
    url: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What is looked at: a tab of a knowledge base, which the user may open, among those that the user may open."""

    request: HttpRequest
    knowledge_base: KnowledgeBase
    head: Any
    tabs: tuple[TabLink, ...]

    def page(self, template: str, context: dict[str, Any]) -> HttpResponse:
        """The tab's contents in the frame; the template extends `ragsite/workspace/frame.html`."""
        title = next(tab.title for tab in self.tabs if tab.is_open)
        frame = {
            **admin.site.each_context(self.request),
            "title": self.knowledge_base.name,
            "content_title": self.knowledge_base.name,
            "tab_title": title,
            "knowledge_base": self.knowledge_base,
            "head": self.head,
            "tabs": self.tabs,
        }
        return TemplateResponse(self.request, template, frame | context)

    def may(self, permission: str) -> bool:
        """Whether the user may do that here: given in Django, or by the role in this knowledge base's tenant."""
        return bool(self.request.user.has_perm(permission, self.knowledge_base))

    def url(self, tab: str = "") -> str:
        """The address of a tab of this knowledge base; of the first one without a name."""
        return workspace_url(self.knowledge_base, tab)


def workspace_url(knowledge_base: KnowledgeBase, tab: str = "") -> str:
    """The address of a tab of a knowledge base's workspace; of the first one without a name."""
    if not tab:
        return reverse("workspace", args=[knowledge_base.pk])
    return reverse("workspace-tab", args=[knowledge_base.pk, tab])
