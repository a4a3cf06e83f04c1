"""The admin's sidebar, in the domain's words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from apps.documents.models import VersionStatus

GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Knowledge": (
        ("Knowledge bases", "library_books", "documents.knowledgebase"),
        ("Documents", "description", "documents.document"),
        ("Versions", "history", "documents.documentversion"),
        ("Chunks", "segment", "documents.chunk"),
        ("Deletions", "delete_sweep", "documents.knowledgebasedeletion"),
    ),
    "Retrieval": (
        ("Questions & answers", "forum", "retrieval.query"),
        ("Conversations", "chat", "retrieval.conversation"),
        ("Feedback", "thumbs_up_down", "retrieval.answerfeedback"),
        ("Index generations", "database", "retrieval.indexgeneration"),
        ("Evaluation sets", "quiz", "retrieval.evaluationset"),
        ("Evaluation runs", "monitoring", "retrieval.evaluationrun"),
    ),
    "Models": (
        ("Models", "neurology", "model_registry.model"),
        ("Model versions", "deployed_code_history", "model_registry.modelversion"),
        ("Model downloads", "download", "model_registry.modeltask"),
        ("Loaded models", "memory", "model_registry.modelcache"),
    ),
    "Access": (
        ("Tenants", "apartment", "gateway.tenant"),
        ("Members", "badge", "gateway.membership"),
        ("Grants", "lock_person", "documents.grant"),
        ("API keys", "key", "gateway.apikey"),
        ("Users", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
    ),
    "System": (
        ("Outbox events", "outbox", "core.outboxevent"),
        ("Stages", "timeline", "documents.stagerecord"),
        ("Scheduled jobs", "schedule", "core.scheduledjob"),
    ),
}
"""Title, icon and model of each page, by group."""

LINKS = (("API docs", "api", "api-docs"), ("Health", "monitor_heart", "health-ready"))


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation callback: the pages the user may look at."""
    pages = {title: _pages(request, named) for title, named in GROUPS.items()}
    pages["Knowledge"] = _with_failed(request, pages["Knowledge"])
    pages["System"] += [_link(title, icon, reverse(name)) for title, icon, name in LINKS]
    groups = [{"title": title, "separator": True, "items": items} for title, items in pages.items() if items]
    return [{"title": "", "items": [_link("Overview", "dashboard", reverse("admin:index"))]}, *groups]


def _pages(request: HttpRequest, pages: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    return [_link(title, icon, _list_url(model)) for title, icon, model in pages if _may_look(request, model)]


def _with_failed(request: HttpRequest, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the versions that were given up as a page of their own, one click from everywhere."""
    versions = _list_url("documents.documentversion")
    if not any(item["link"] == versions for item in items):
        return items
    at_versions = request.path.startswith(versions)
    at_failed = request.path == versions and request.GET.get("status__exact") == VersionStatus.FAILED
    shown = [item | {"active": at_versions and not at_failed} if item["link"] == versions else item for item in items]
    failed = _link("Failed versions", "error", f"{versions}?status__exact={VersionStatus.FAILED}")
    return [*shown, failed | {"active": at_failed}]


def _link(title: str, icon: str, url: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": url}


def _list_url(model: str) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_changelist")


def _may_look(request: HttpRequest, model: str) -> bool:
    app, name = model.split(".")
    return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))
