"""What each tool tells, and to whom."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from apps.documents.models import Document, DocumentVersion, Visibility
from apps.retrieval.doors.mcp.tools import TOOLS, tools_of
from apps.retrieval.models import Answer
from ragsite.gateway.keys import Principal, principal_of_key
from ragsite.gateway.models import Permission
from tests import factories as make

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version(make.knowledge_base(name="Harbour", description="All rules."))


@pytest.fixture
def who(version: DocumentVersion) -> Principal:
    return principal_of_key(make.api_key(version.document.tenant))


def call(who: Principal, tool: str, **arguments: Any) -> Any:
    return TOOLS[tool].call(who, arguments)


def told(who: Principal, tool: str, **arguments: Any) -> dict[str, Any]:
    found = call(who, tool, **arguments)
    assert not found.is_error, found.text
    structured: dict[str, Any] = found.structured
    return structured


def test_knowledge_bases_are_listed_and_the_documents_of_one(version: DocumentVersion, who: Principal) -> None:
    base = version.document.knowledge_base
    assert told(who, "list") == {
        "knowledge_bases": [{"id": str(base.pk), "name": "Harbour", "description": "All rules."}], "next_offset": None,
    }  # fmt: skip
    (document,) = told(who, "list", knowledge_base=str(base.pk))["documents"]
    assert (document["id"], document["version"]) == (str(version.document_id), str(version.pk))
    assert told(who, "find", name="HANDB")["documents"] == [document]
    make.knowledge_base(of=base.tenant, name="Zoo")
    first = told(who, "list", limit=1)
    assert [one["name"] for one in told(who, "list", offset=first["next_offset"])["knowledge_bases"]] == ["Zoo"]


def test_a_line_that_was_found_can_be_read_by_its_number(version: DocumentVersion, who: Principal) -> None:
    found = call(who, "grep", pattern="42 berths", context=1)
    (match,) = found.structured["matches"]
    assert f"{match['line']}:\t{SENTENCE}" in found.text
    read = call(who, "read", document=match["document"], first_line=match["line"], lines=1)
    assert read.structured["lines"] == [match["text"]]
    assert (read.structured["version"], read.structured["next_line"]) == (str(version.pk), match["line"] + 1)
    assert f"{match['line']}\t{SENTENCE}" in read.text


def test_an_earlier_version_is_read_by_its_id(version: DocumentVersion, who: Principal) -> None:
    document = version.document
    make.upload(document.knowledge_base, "Sold.", filename="handbook.md", document=document)
    make.run_stages()
    assert "Sold." in told(who, "read", document=str(document.pk))["lines"]
    assert "Harbour handbook" in told(who, "read", version=str(version.pk))["lines"]


def test_search_and_ask_tell_what_the_rest_api_tells(version: DocumentVersion) -> None:
    key = make.api_key(version.document.tenant)
    rest = Client(headers={"Authorization": f"Bearer {key}"})
    same = rest.post("/api/v1/ask", {"question": QUESTION}, content_type="application/json").json()
    answer = call(principal_of_key(key), "ask", question=QUESTION)
    spans = [
        [(one["version"], one["start"], one["end"]) for one in of["citations"]] for of in (same, answer.structured)
    ]
    assert spans[0] == spans[1]
    assert answer.structured["answer"] == same["answer"]
    assert answer.text.startswith(f"{SENTENCE} [1]")
    assert f"[1] {version.document.title}, Harbour handbook > Berths" in answer.text
    passages = rest.post("/api/v1/search", {"query": QUESTION, "top_k": 8}, content_type="application/json").json()
    assert told(principal_of_key(key), "search", query=QUESTION)["passages"] == passages["passages"]


def test_not_found_is_an_answer_and_no_error(who: Principal) -> None:
    answer = call(who, "ask", question="Who composed the ninth symphony?")
    assert (answer.is_error, answer.text) == (False, "Not found in your documents.")


def ways(version: DocumentVersion) -> dict[str, dict[str, Any]]:
    """A call of each tool that would tell of the version."""
    base = {"knowledge_base": str(version.document.knowledge_base_id)}
    return {
        "list": base, "find": {"name": "handbook"}, "grep": {"pattern": "berths"}, "read": {"version": str(version.pk)},
        "search": {"query": QUESTION}, "ask": {"question": QUESTION},
    }  # fmt: skip


def told_of(one: Any) -> set[str]:
    """All ids in what a tool told."""
    return set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(one.structured)))


def tells(who: Principal, version: DocumentVersion) -> set[str]:
    """The tools that tell the caller of the version."""
    calls = {tool: call(who, tool, **arguments) for tool, arguments in ways(version).items()}
    ids = {str(version.pk), str(version.document_id)}
    return {tool for tool, one in calls.items() if not one.is_error and ids & told_of(one)}


def test_no_tool_tells_what_the_caller_may_not_read(version: DocumentVersion, who: Principal) -> None:
    assert ways(version).keys() == TOOLS.keys()
    assert tells(who, version) == set(TOOLS)
    assert tells(principal_of_key(make.api_key(make.tenant())), version) == set()
    Document.objects.filter(pk=version.document_id).update(restricted=True)
    assert tells(who, version) == set()
    Document.objects.filter(pk=version.document_id).update(restricted=False)
    type(version.document.knowledge_base).objects.update(visibility=Visibility.RESTRICTED)
    assert tells(who, version) == set()
    assert told(who, "list")["knowledge_bases"] == []


def test_a_key_is_told_of_the_tools_that_it_may_call_and_refused_the_others(version: DocumentVersion) -> None:
    reader = principal_of_key(make.api_key(version.document.tenant, Permission.READ))
    assert [one.name for one in tools_of(reader)] == ["list", "find", "grep", "read"]
    refused = call(reader, "ask", question=QUESTION)
    assert (refused.is_error, refused.structured["code"]) == (True, "permission_denied")
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("list", {"limit": 0}, "limit: "),
        ("list", {"base": "x"}, "base: Extra inputs are not permitted"),
        ("find", {"name": " "}, "name: "),
        ("grep", {"pattern": "x", "regex": "yes"}, "regex: "),
        ("grep", {"pattern": "(", "regex": True}, "'(' is no pattern"),
        ("read", {}, "give either document or version"),
        ("read", {"document": "7"}, "document: "),
        ("search", {"query": "x" * 2001}, "query: "),
        ("ask", {}, "question: Field required"),
    ],
)
def test_bad_input_is_refused_in_words(who: Principal, tool: str, arguments: dict[str, Any], words: str) -> None:
    refused = call(who, tool, **arguments)
    assert refused.is_error
    assert words in refused.text
