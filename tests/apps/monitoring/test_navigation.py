"""The sidebar: what stands in it for whom, under which names."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.monitoring.empty_lists import EMPTY
from apps.monitoring.navigation import DAILY, LOOKED_INTO, list_url, named, navigation, tabs
from apps.monitoring.templatetags.frame import trail
from tests import factories as make

pytestmark = pytest.mark.django_db


def asked(path: str = "/admin/", **user: Any) -> Any:
    request = RequestFactory().get(path)
    request.user = User(pk=0, username="ada", **user)
    return request


def test_daily_work_is_a_handful_of_entries_and_the_rest_is_folded() -> None:
    daily, looked_into = navigation(asked(is_superuser=True))
    assert [item["title"] for item in daily["items"]] == [
        "Home", "Knowledge bases", "Documents", "Failures", "Jobs", "Questions", "Evaluation", "Models",
        "People & access", "API keys", "Operations",
    ]  # fmt: skip
    assert (looked_into["title"], looked_into["collapsible"]) == ("Diagnostics", True)
    assert {"Document versions", "Passages", "Stages", "Outbox events", "Health", "API docs"} <= {
        item["title"] for item in looked_into["items"]
    }


def test_who_may_look_at_nothing_gets_home_and_what_is_for_everybody() -> None:
    daily, looked_into = navigation(asked())
    assert [item["title"] for item in daily["items"]] == ["Home"]
    assert [item["title"] for item in looked_into["items"]] == ["Health", "API docs"]
    assert tabs(asked()) == []


def test_an_entry_and_the_list_it_opens_have_one_name(admin_client: Client) -> None:
    for entry in (*DAILY, *LOOKED_INTO):
        for model in entry.models:
            page = admin_client.get(list_url(model))
            assert page.context["title"] == named(model), model
            assert f"<title> {named(model).replace('&', '&amp;')} | ragsite</title>" in page.content.decode(), model


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/admin/", "Home"),
        ("/admin/documents/document/x/change/", "Documents"),
        ("/admin/failures/", "Failures"),
        ("/admin/jobs/", "Jobs"),
        ("/admin/documents/documentversion/?status__exact=failed", "Document versions"),
        ("/admin/retrieval/conversation/", "Questions"),
        ("/admin/knowledge-bases/00000000-0000-0000-0000-000000000000/", "Knowledge bases"),
        ("/admin/health/", "Health"),
    ],
)
def test_the_entry_of_the_page_that_is_looked_at_is_marked(path: str, title: str) -> None:
    groups = navigation(asked(path, is_superuser=True))
    assert [item["title"] for group in groups for item in group["items"] if item["active"]] == [title]


def test_a_way_says_names_to_the_letter_and_leaves_out_the_pages_of_apps(admin_client: Client) -> None:
    document = make.upload(make.knowledge_base(), "High water is at noon.", filename="tides.md").version.document
    page = admin_client.get(reverse("admin:documents_document_change", args=[document.pk])).content.decode()
    shown = page[page.index('class="rag-trail"') : page.index("</h1>")]
    assert ">tides.md<" in shown
    assert ">Documents<" in shown
    assert reverse("admin:app_list", args=["documents"]) + '"' not in shown
    assert trail([{"link": "/admin/retrieval/query/", "title": "questions"}])[0]["title"] == "Questions"


def test_each_list_says_without_rows_what_it_would_show(admin_client: Client) -> None:
    assert {model._meta.label_lower for model in admin.site._registry} == EMPTY.keys()
    for label, empty in EMPTY.items():
        page = admin_client.get(list_url(label))
        if not page.context["cl"].result_list:
            assert empty.title in page.content.decode(), label
        assert "yielded" not in page.content.decode(), label


def test_an_empty_list_offers_to_add_only_where_that_can_be_done(admin_client: Client) -> None:
    assert "Add knowledge base" in admin_client.get(list_url("documents.knowledgebase")).content.decode()
    page = admin_client.get(list_url("documents.document")).content.decode()
    assert "Open a knowledge base" in page
    assert str(apps.get_model("documents.document")._meta.verbose_name) in page
    assert "Add document" not in page
    nothing = admin_client.get(list_url("documents.document") + "?q=tides").content.decode()
    assert "Nothing matches" in nothing
    assert "No documents yet" not in nothing
