"""The main pages as axe-core sees them: no finding that keeps somebody from using one."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from apps.documents.admin.addresses import version_span_url
from apps.documents.models import DocumentVersion
from apps.models.gateway import Deadline
from apps.monitoring.operations.tabs import TABS as OPERATIONS
from apps.retrieval.pipeline import ask
from apps.retrieval.search.request import SearchRequest
from tests import factories
from tests.acting import ACTOR
from tests.browser.visiting import Visit

pytestmark = pytest.mark.browser
SERIOUS = ("serious", "critical")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
"""All that another colour scheme changes."""

LISTS = (
    "documents_knowledgebase", "documents_document", "retrieval_query", "retrieval_evaluationset", "model_registry_model",
    "gateway_membership", "gateway_apikey",
)  # fmt: skip


def filled() -> DocumentVersion:
    """A version that answers, and a question that was answered with it."""
    version = factories.ready_version()
    request = SearchRequest("What does a berth cost?", top_k=5)
    ask(request, scope=factories.scope(version.document.knowledge_base), actor=ACTOR, deadline=Deadline.after(60))
    return version


def pages(version: DocumentVersion) -> list[str]:
    """Addresses of the main pages. One more page is one more line here."""
    document = version.document
    base = document.knowledge_base_id
    return [
        reverse("admin:index"),
        *(reverse(f"admin:{name}_changelist") for name in LISTS),
        f"{reverse('admin:documents_document_changelist')}?q=nothing-is-called-so",
        reverse("admin:documents_knowledgebase_change", args=[base]),
        reverse("admin:documents_document_change", args=[document.pk]),
        reverse("admin:retrieval_query_try"),
        reverse("admin:model_registry_model_connect"),
        reverse("admin:model_registry_model_folder"),
        reverse("health-page"),
        reverse("jobs"),
        reverse("workspace", args=[base]),
        version_span_url(version, start=0, end=16),
        *(tab.url for tab in OPERATIONS),
        reverse("admin:documents_document_history", args=[document.pk]),
    ]


def serious(visit: Visit, rules: Any = RULES) -> list[str]:
    """What axe finds on the page that keeps people out, each with where it is."""
    found: Any = Axe().run(visit.page, options=rules).response["violations"]
    return [
        f"{visit.page.url.removeprefix(visit.home)}: {one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]


@pytest.mark.parametrize(("scheme", "rules"), [("light", RULES), ("dark", COLOURS)], ids=["light", "dark"])
def test_no_main_page_keeps_anybody_out(visit: Visit, scheme: Any, rules: Any) -> None:
    version = filled()
    visit.page.emulate_media(color_scheme=scheme)
    found = []
    for path in pages(version):
        visit.open(path)
        found += serious(visit, rules)
    assert found == []


def test_the_pages_before_signing_in_keep_nobody_out(visit: Visit) -> None:
    with visit.expected(404):
        visit.open("/admin/nothing/")
        found = serious(visit)
    visit.page.context.clear_cookies()
    visit.open("/admin/login/")
    assert found + serious(visit) == []
