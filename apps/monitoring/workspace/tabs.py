"""The tabs of a workspace: a row for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpResponse
from django.utils.translation import gettext_lazy

from apps.monitoring.workspace.access import access_tab
from apps.monitoring.workspace.ask.tab import ask_tab
from apps.monitoring.workspace.documents.tab import documents_tab
from apps.monitoring.workspace.evaluate import evaluate_tab
from apps.monitoring.workspace.index import index_tab
from apps.monitoring.workspace.place import Place
from apps.monitoring.workspace.settings import settings_tab
from ragsite.core.admin.base import Words


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab by its name in the address, who may open it, and what it shows."""

    slug: str
    title: Words
    icon: str
    permission: str
    show: Callable[[Place], HttpResponse]


TABS: tuple[Tab, ...] = (
    Tab("documents", gettext_lazy("Documents"), "description", "documents.view_document", documents_tab),
    Tab("ask", gettext_lazy("Ask"), "forum", "retrieval.view_query", ask_tab),
    Tab("evaluate", gettext_lazy("Evaluate"), "quiz", "retrieval.view_evaluationset", evaluate_tab),
    Tab("index", gettext_lazy("Index"), "database", "retrieval.view_indexgeneration", index_tab),
    Tab("access", gettext_lazy("Access"), "lock_person", "documents.view_grant", access_tab),
    Tab("settings", gettext_lazy("Settings"), "tune", "documents.change_knowledgebase", settings_tab),
)
