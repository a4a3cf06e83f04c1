from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ragsite.core.errors import PermanentError
from ragsite.gateway.headers import CSP, PAGE, PLAIN, policy_of
from ragsite.gateway.problems import problem_response
from tests import factories as make

pytestmark = pytest.mark.django_db


def directives(policy: str) -> dict[str, list[str]]:
    return {name: sources for name, *sources in (one.split() for one in policy.split("; "))}


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/admin/login/", PAGE), ("/api/docs", PAGE), ("/api/openapi.json", PLAIN), ("/api/v1/documents/", PLAIN),
        ("/health/ready", PLAIN), ("/metrics", PLAIN), ("/static/ragsite/docs.js", PLAIN), ("/nothing", PLAIN), ("/", PLAIN),
    ],
)  # fmt: skip
def test_every_answer_says_what_its_page_may_load(client: Client, path: str, policy: str) -> None:
    assert client.get(path)[CSP] == policy


@pytest.mark.parametrize("policy", [PAGE, PLAIN])
def test_no_page_may_run_or_look_as_what_stands_in_it_says_or_be_shown_in_a_frame(policy: str) -> None:
    allowed = directives(policy)
    assert allowed["default-src"] == allowed["base-uri"] == allowed["frame-ancestors"] == ["'none'"]
    assert set(allowed.get("script-src", [])) | set(allowed["style-src"]) == {"'self'"}
    assert {source for sources in allowed.values() for source in sources} <= {"'none'", "'self'", "data:"}


def test_only_pages_with_scripts_of_their_own_may_run_any() -> None:
    assert "script-src" not in PLAIN
    assert policy_of("/administration") == PLAIN


def test_no_page_of_the_admin_has_a_script_a_handler_or_a_style_in_it(client: Client) -> None:
    client.force_login(User.objects.create_superuser("admin"))
    base = make.knowledge_base()
    pages = ["admin:index", "admin:documents_document_changelist", "admin:documents_knowledgebase_add"]
    tabs = [reverse("workspace-tab", args=[base.pk, slug]) for slug in ("settings", "access")]
    for url in [*map(reverse, pages), *tabs]:
        page = client.get(url).content.decode()
        scripts = re.findall(r"<script\b(?![^>]*(?:\bsrc=|application/json))[^>]*>", page)
        attributes = re.findall(r"<\w[^>]*\s(?:on(?:click|load|submit|change)|style)=", page)
        assert (scripts, attributes, re.findall(r"<style\b", page)) == ([], [], []), url


@pytest.mark.parametrize("path", ["/api/v1/documents/", "/api/v1/nothing", "/api/openapi.json", "/health/ready"])
def test_nobody_keeps_what_the_api_answers(path: str) -> None:
    assert make.client(make.tenant()).get(path)["Cache-Control"] == "no-store"


def test_an_answer_that_says_more_about_keeping_it_is_left_alone() -> None:
    version = make.upload(make.knowledge_base(), "Tides.", filename="tides.txt").version
    response = make.client(version.document.tenant).get(f"/api/v1/versions/{version.pk}/file/")
    assert response["Cache-Control"] == "private, no-store"


def test_a_problem_is_not_kept_wherever_it_was_found() -> None:
    """The edge refuses requests that no middleware sees."""
    assert problem_response(PermanentError("No."))["Cache-Control"] == "no-store"


def test_static_files_are_kept_as_before(client: Client) -> None:
    response: Any = client.get("/static/ragsite/docs.js")
    assert response.status_code == 200
    assert "no-store" not in response.get("Cache-Control", "")
