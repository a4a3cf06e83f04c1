"""Answers and conversations as documents, and what documents cannot do to them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from markdown_it import MarkdownIt

from apps.documents.models import Document, DocumentVersion
from apps.retrieval.doors.exporting import escaped
from tests import factories as make

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def client(version: DocumentVersion) -> Client:
    return make.client(version.document.tenant)


def asked(client: Client, question: str = QUESTION, **body: Any) -> Any:
    return client.post("/api/v1/ask", {"question": question, **body}, content_type="application/json").json()


def test_an_answer_is_exported_with_numbered_references(client: Client) -> None:
    answer = asked(client)
    url = f"/api/v1/answers/{answer['id']}/export"
    text = client.get(url, {"format": "text"})
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    first, *rest = text.content.decode().splitlines()
    assert first.startswith(f"{SENTENCE} [1]")
    assert rest[:2] == ["", "Sources"]
    assert rest[2] == f'[1] handbook.md, version 1, Harbour handbook › Berths: "{SENTENCE}"'
    for response in (client.get(url), client.get(url, {"format": "markdown"})):
        assert response["Content-Type"] == "text/markdown; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="answer-{answer["id"]}.md"'
        markdown = response.content.decode()
        assert f"# {QUESTION}\n\n{SENTENCE} \\[1\\]" in markdown
        assert f"\\[1\\] **handbook.md**, version 1, Harbour handbook › Berths\n\n> {SENTENCE}\n" in markdown


def test_only_known_forms_are_exported_and_only_for_who_asked(client: Client, version: DocumentVersion) -> None:
    url = f"/api/v1/answers/{asked(client)['id']}/export"
    assert client.get(url, {"format": "pdf"}).status_code == 422
    assert client.get(url, {"formt": "text"}).status_code == 422
    assert make.client(version.document.tenant).get(url).status_code == 404
    Document.objects.update(restricted=True)
    assert client.get(url).status_code == 404


def test_a_conversation_is_exported_with_what_may_still_be_read_of_it(client: Client, version: DocumentVersion) -> None:
    begun = client.post("/api/v1/conversations/", {"title": "The *harbour*"}, content_type="application/json").json()
    url = f"/api/v1/conversations/{begun['id']}/export"
    asked(client, conversation=begun["id"])
    asked(client, "And of the yacht club?", conversation=begun["id"])
    markdown = client.get(url).content.decode()
    assert markdown.startswith(f"# The \\*harbour\\*\n\n## 1\\. {QUESTION}\n\n{SENTENCE} \\[1\\]")
    assert f"## 2\\. And of the yacht club?\n\nSearched for: {QUESTION} And of the yacht club?" in markdown
    assert make.client(version.document.tenant).get(url).status_code == 404
    Document.objects.update(restricted=True)
    withdrawn = client.get(url).content.decode()
    assert "No longer readable" in withdrawn
    assert "42" not in withdrawn


HOSTILE = """The [harbour](javascript:alert(1)) has <img src=x onerror=alert(1)> berths & ![guests](http://evil.example/x.png).
# A heading
- a list
1. another
> a quote
```
code
| a | b |
---
"""


def test_no_document_adds_markup_of_its_own(client: Client, version: DocumentVersion) -> None:
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    for line in HOSTILE.splitlines():
        shown = page.render(f"> {escaped(line)}")
        inside = shown.removeprefix("<blockquote>\n<p>").removesuffix("</p>\n</blockquote>\n")
        assert "<" not in inside, shown
        assert page.render(escaped(line)).startswith("<p>")
    make.ready_version(version.document.knowledge_base, HOSTILE, filename="<b>a</b>*b*.txt")
    answer = asked(client, "Which harbour has berths & guests http evil example?", mode="lexical")
    assert answer["found"]
    shown = page.render(client.get(f"/api/v1/answers/{answer['id']}/export").content.decode())
    for mark in ("<a", "<img", "<b>", "<table", "<h2", "<li", "<code", "<hr"):
        assert mark not in shown
