"""The admin's sidebar, in the domain's words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Knowledge": (
        ("Knowledge bases", "library_books", "documents.knowledgebase"),
        ("Documents", "description", "documents.document"),
        ("Versions", "history", "documents.documentversion"),
        ("Chunks", "segment", "documents.chunk"),
    ),
    "Retrieval": (
        ("Questions & answers", "forum", "retrieval.query"),
        ("Index generations", "database", "retrieval.indexgeneration"),
    ),
    "Models": (
        ("Models", "neurology", "model_registry.model"),
        ("Model versions", "deployed_code_history", "model_registry.modelversion"),
    ),
    "Access": (
        ("Tenants", "apartment", "gateway.tenant"),
        ("API keys", "key", "gateway.apikey"),
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
    ),
    "System": (
        ("Outbox events", "outbox", "core.outboxevent"),
        ("Stages", "timeline", "documents.stagerecord"),
    ),
}
"""Title, icon and model of each page, by group."""

LINKS = (("API docs", "api", "api-docs"), ("Health", "monitor_heart", "health-ready"))


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation callback: the pages the user may look at."""
    groups = [{"title": title, "separator": True, "items": _pages(request, pages)} for title, pages in GROUPS.items()]
    groups[-1]["items"] += [{"title": title, "icon": icon, "link": reverse(name)} for title, icon, name in LINKS]
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    return [{"title": "", "items": [overview]}, *(group for group in groups if group["items"])]


def _pages(request: HttpRequest, pages: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    return [_page(*page) for page in pages if _may_look(request, page[2])]


def _page(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(f"admin:{model.replace('.', '_')}_changelist")}


def _may_look(request: HttpRequest, model: str) -> bool:
    app, name = model.split(".")
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))
