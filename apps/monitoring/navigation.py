"""The admin's sidebar: what people work with every day, and below it, folded, what helps when something is wrong.

A page is called what its model calls itself, so that the sidebar, the page's title and the way back to it say one name.
Pages that belong together share an entry, and have tabs between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext, gettext_noop

from apps.monitoring.jobs.listing import may_see_jobs
from apps.monitoring.operations.tabs import tabs_of
from ragsite.gateway.roles import may_somewhere

HOME = gettext_noop("Home")
DIAGNOSTICS = gettext_noop("Diagnostics")
FAILURES = gettext_noop("Failures")
JOBS = gettext_noop("Jobs")
OPERATIONS = gettext_noop("Operations")
WORKSPACES = "/admin/knowledge-bases/"
VERSIONS = "documents.documentversion"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the sidebar: its icon and the models whose lists it opens, the first that the user may look at before the
    others. One of several models has a title of its own.
    """

    icon: str
    models: tuple[str, ...]
    title: str = ""
    also: tuple[str, ...] = ()
    """Beginnings of other addresses that it is the entry of."""


DAILY: tuple[Entry, ...] = (
    Entry("library_books", ("documents.knowledgebase",), also=(WORKSPACES,)),
    Entry("description", ("documents.document",)),
    Entry(
        "forum",
        ("retrieval.query", "retrieval.conversation", "retrieval.answerfeedback"),
        gettext_noop("Questions"),
    ),
    Entry("monitoring", ("retrieval.evaluationset", "retrieval.evaluationrun"), gettext_noop("Evaluation")),
    Entry("neurology", ("model_registry.model", "model_registry.modeltask"), gettext_noop("Models")),
    Entry(
        "group",
        ("gateway.membership", "documents.grant", "auth.user", "auth.group", "gateway.tenant"),
        gettext_noop("People & access"),
    ),
    Entry("key", ("gateway.apikey", "monitoring.webhook", "monitoring.webhookdelivery")),
)

LOOKED_INTO: tuple[Entry, ...] = (
    Entry("history", (VERSIONS,)),
    Entry("timeline", ("documents.stagerecord",)),
    Entry("segment", ("documents.chunk",)),
    Entry("delete_sweep", ("documents.knowledgebasedeletion",)),
    Entry("database", ("retrieval.indexgeneration",)),
    Entry("deployed_code_history", ("model_registry.modelversion",)),
    Entry("memory", ("model_registry.modelcache",)),
    Entry("schedule", ("core.scheduledjob",)),
    Entry("outbox", ("core.outboxevent",)),
)

LINKS = ((gettext_noop("Health"), "monitor_heart", "health-page"), (gettext_noop("API docs"), "api", "api-docs"))


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation callback: the pages the user may look at."""
    home = _link(HOME, "home", reverse("admin:index"), active=request.path == reverse("admin:index"))
    daily = [home, *_entries(request, DAILY), *_operations(request)]
    looked_into = [*_entries(request, LOOKED_INTO), *_links(request)]
    return [
        {"title": "", "items": _with_failures_and_jobs(request, daily)},
        {"title": gettext(DIAGNOSTICS), "collapsible": True, "separator": True, "items": looked_into},
    ]


def tabs(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's tabs callback: the lists of an entry, above each of them."""
    several = [_seen(request, entry.models) for entry in DAILY if len(entry.models) > 1]
    return [
        {
            "models": seen,
            "items": [
                {"title": named(model), "link": list_url(model), "active": _at(request, model)} for model in seen
            ],
        }
        for seen in several
        if len(seen) > 1
    ]


def named(model: str) -> str:
    """What the rows of a model are called together, as a title."""
    return str(capfirst(apps.get_model(model)._meta.verbose_name_plural))


def list_url(model: str) -> str:
    """The address of the list of a model's rows."""
    return reverse(f"admin:{model.replace('.', '_')}_changelist")


def _entries(request: HttpRequest, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    return [_entry(request, entry, seen) for entry in entries if (seen := _seen(request, entry.models))]


def _entry(request: HttpRequest, entry: Entry, seen: list[str]) -> dict[str, Any]:
    active = any(_at(request, model) for model in entry.models) or request.path.startswith(entry.also)
    return _link(entry.title or named(seen[0]), entry.icon, list_url(seen[0]), active=active)


def _with_failures_and_jobs(request: HttpRequest, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With what could not be read, and what takes long, after the documents: one click from everywhere."""
    pages = [(FAILURES, "error", "failures")] if _seen(request, (VERSIONS,)) else []
    pages += [(JOBS, "hourglass_top", "jobs")] if may_see_jobs(request.user) else []
    found = ((title, icon, reverse(name)) for title, icon, name in pages)
    links = [_link(title, icon, url, active=request.path.startswith(url)) for title, icon, url in found]
    documents = list_url("documents.document")
    after = next((place for place, item in enumerate(items, 1) if item["link"] == documents), len(items))
    return [*items[:after], *links, *items[after:]]


def _operations(request: HttpRequest) -> list[dict[str, Any]]:
    """One entry for the operator's pages, which have tabs between them: the first that the user may open."""
    urls = tuple(tab.url for tab in tabs_of(request))
    return [_link(OPERATIONS, "speed", urls[0], active=request.path.startswith(urls))] if urls else []


def _links(request: HttpRequest) -> list[dict[str, Any]]:
    pages = ((title, icon, reverse(name)) for title, icon, name in LINKS)
    return [_link(title, icon, url, active=request.path == url) for title, icon, url in pages]


def _link(title: str, icon: str, url: str, *, active: bool) -> dict[str, Any]:
    return {"title": gettext(title), "icon": icon, "link": url, "active": active}


def _at(request: HttpRequest, model: str) -> bool:
    """Whether a page of the model is looked at."""
    return request.path.startswith(list_url(model))


def _seen(request: HttpRequest, models: Sequence[str]) -> list[str]:
    return [model for model in models if _may_look(request, model)]


def _may_look(request: HttpRequest, model: str) -> bool:
    app, name = model.split(".")
    return may_somewhere(request.user, f"{app}.view_{name}", f"{app}.change_{name}")
