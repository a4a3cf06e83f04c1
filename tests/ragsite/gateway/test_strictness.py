"""What is misspelt is refused by every door, with the nearest right name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.serializers import BaseSerializer

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.api import openapi
from ragsite.gateway.strictness import StrictSerializer
from tests import factories as make

pytestmark = pytest.mark.django_db
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def base() -> KnowledgeBase:
    return make.ready_version().document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def errors_of(response: Any) -> dict[str, str]:
    assert response.status_code in {400, 422}, response.content
    return {error["field"]: error["message"] for error in response.json()["errors"]}


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"query": "x", "topk": 3}, "topk", "Did you mean top_k?"),
        ({"query": "x", "stream": True}, "stream", "unknown"),
        ({"query": "x", "filters": {"tag": {"any": ["a"]}}}, "filters.tag", "Did you mean tags?"),
        ({"query": "x", "top_k": True}, "top_k", "integer"),
        ({"query": "x", "top_k": "3"}, "top_k", "integer"),
        ({"query": "x", "rerank": "yes"}, "rerank", "boolean"),
        ({"query": "x", "weight": True}, "weight", "number"),
        ({"query": "x", "names": "0.1"}, "names", "number"),
    ],
)
def test_a_search_takes_what_it_knows_and_as_what_it_is(
    client: Client, body: dict[str, Any], field: str, words: str
) -> None:
    found = errors_of(client.post("/api/v1/search", body, content_type="application/json"))
    assert words in found[field]


def test_whole_numbers_are_numbers(client: Client) -> None:
    body = {"query": "x", "weight": 1, "threshold": 0, "diversity": 0}
    assert client.post("/api/v1/search", body, content_type="application/json").status_code == 200


def test_a_misspelt_field_of_a_resource_is_refused_and_nothing_is_made(client: Client) -> None:
    body = {"name": "Harbour", "visability": "restricted"}
    found = errors_of(client.post("/api/v1/knowledge-bases/", body, content_type="application/json"))
    assert found == {"visability": "This is unknown. Did you mean visibility?"}
    assert not KnowledgeBase.objects.filter(name="Harbour").exists()


def test_so_is_one_of_an_upload(client: Client, base: KnowledgeBase) -> None:
    body = {"knowledge_base": str(base.pk), "file": make.file("Text."), "externalid": "a"}
    assert errors_of(client.post("/api/v1/documents/", body)) == {
        "externalid": "This is unknown. Did you mean external_id?"
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=ready", "status"),
        ("knowledgebase=x", "knowledgebase"),
        ("limit=abc", "limit"),
        ("limit=0", "limit"),
        ("limit=", "limit"),
        ("offset=-4", "offset"),
        ("offset=1e3", "offset"),
    ],
)
def test_a_list_is_narrowed_by_what_it_knows_alone(client: Client, query: str, field: str) -> None:
    assert field in errors_of(client.get(f"/api/v1/documents/?{query}"))


@pytest.mark.parametrize(
    "path",
    [
        "documents/{document}/?metadata=x",
        "documents/{document}/versions/?status=ready",
        "documents/{document}/grants/?user=x",
        "documents/{document}/file/?limit=3",
        "knowledge-bases/?name=x",
        "knowledge-bases/{base}/reindex/?state=failed",
        "knowledge-bases/{base}/generations/?state=live",
        "versions/{version}/chunks/?status=ready",
        "versions/{version}/diff/?against={version}&limit=3",
    ],
)
def test_so_is_every_other_address(client: Client, base: KnowledgeBase, path: str) -> None:
    version = DocumentVersion.objects.get()
    url = path.format(document=version.document_id, base=base.pk, version=version.pk)
    response = client.get(f"/api/v1/{url}")
    [name] = errors_of(response)
    assert f"{name}=" in path


@pytest.mark.parametrize("path", ["search?stream=true", "ask?stream=true", f"answers/{NOBODY}?stream=true"])
def test_the_queries_take_no_parameters_of_an_address(client: Client, path: str) -> None:
    method = client.get if path.startswith("answers") else client.post
    response = method(f"/api/v1/{path}", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (422, "invalid_input")
    assert "'stream'" in response.json()["detail"]


@pytest.mark.parametrize("name", ["external_id", "knowledge_base"])
def test_an_empty_filter_is_not_no_filter(client: Client, name: str) -> None:
    assert "empty" in errors_of(client.get(f"/api/v1/documents/?{name}="))[name]


@pytest.mark.parametrize(
    ("url", "body", "field", "words"),
    [
        ("/api/v1/knowledge-bases/", {"name": 5}, "name", "not a text"),
        ("/api/v1/knowledge-bases/", {"name": "x", "description": 1.5}, "description", "not a text"),
        ("/api/v1/evaluation-runs/", {"evaluation_set": NOBODY, "k": True}, "k", "not a whole number"),
        ("/api/v1/evaluation-runs/", {"evaluation_set": NOBODY, "k": "5"}, "k", "not a whole number"),
        ("/api/v1/evaluation-runs/", {"evaluation_set": NOBODY, "k": 5.5}, "k", "not a whole number"),
        ("/api/v1/evaluation-runs/", {"evaluation_set": NOBODY, "rerank": "yes"}, "rerank", "true or false"),
    ],
)
def test_a_resource_takes_a_field_as_what_it_is(
    client: Client, url: str, body: dict[str, Any], field: str, words: str
) -> None:
    found = errors_of(client.post(url, body, content_type="application/json"))
    assert words in found[field]


def test_tags_are_texts(client: Client) -> None:
    document = Document.objects.get()
    response = client.patch(f"/api/v1/documents/{document.pk}/", {"tags": [5]}, content_type="application/json")
    assert "text" in errors_of(response)["tags"]
    document.refresh_from_db()
    assert document.tags == []


def test_a_list_takes_its_filters_and_pages(client: Client, base: KnowledgeBase) -> None:
    response = client.get(f"/api/v1/documents/?knowledge_base={base.pk}&limit=1&offset=0")
    assert (response.status_code, response.json()["count"]) == (200, 1)
    assert client.get("/api/v1/versions/?status=ready&status=failed&limit=1000").status_code == 200


def bodies() -> set[str]:
    """The names of the schemas that requests of the resources are made of."""
    found: set[str] = set()
    for operations in openapi()["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found.add(str(content["schema"].get("$ref", "")).rpartition("/")[2])
    return found - {""}


def test_every_body_of_a_resource_is_strict() -> None:
    kinds: list[type[BaseSerializer[Any]]] = [BaseSerializer]
    strict: dict[str, bool] = {}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("apps."):
            strict[kind.__name__.removesuffix("Serializer")] = issubclass(kind, StrictSerializer)
    named = {name.removeprefix("Patched").removesuffix("Request"): name for name in bodies()}
    lax = {name for name in named if strict.get(name) is False}
    assert lax == set()
    assert len(named.keys() & strict.keys()) >= 12
