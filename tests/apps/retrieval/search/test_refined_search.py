"""Filters, reranking, diversity and surroundings through the API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.models.gateway.fake import FakeTransport
from apps.models.services.registry import model_register
from ragsite.core.errors import ModelUnavailableError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.making import cross_encoder_make

pytestmark = pytest.mark.django_db
UseTransport = Callable[[Any], None]

RATES = """# Harbour

## Berths

A berth costs 31 euros a night in the harbour.

## Showers

A shower costs 2 euros in the harbour.
"""


@pytest.fixture
def base() -> KnowledgeBase:
    base = make.knowledge_base(chunking={"size": 24, "overlap": 4})
    make.upload(
        base, RATES, filename="rates.md", tags=["prices", "2024"], metadata={"year": 2024, "team": {"name": "h"}}
    )
    make.upload(base, "A berth in the old harbour costs 20 euros a night.", filename="old.txt", tags=["prices"],
                metadata={"year": 2019}, external_id="old")  # fmt: skip
    make.upload(
        base, "Ein Liegeplatz kostet im harbour 31 Euro, und das ist nicht viel für die Nacht.", filename="de.txt"
    )
    make.run_stages()
    return base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def search(client: Client, query: str = "What costs a berth in the harbour?", **body: Any) -> Any:
    return client.post("/api/v1/search", {"query": query, **body}, content_type="application/json")


def titles(client: Client, **filters: Any) -> set[str]:
    response = search(client, filters=filters)
    assert response.status_code == 200, response.content
    return {passage["title"] for passage in response.json()["passages"]}


ALL = {"rates.md", "old.txt", "de.txt"}


FOUND_BY: list[tuple[dict[str, Any], set[str]]] = [
    ({}, ALL),
    ({"metadata": [{"key": "year", "op": "gte", "value": 2020}]}, {"rates.md"}),
    ({"metadata": [{"key": "year", "value": 2019}]}, {"old.txt"}),
    ({"metadata": [{"key": "year", "op": "ne", "value": 2019}]}, {"rates.md", "de.txt"}),
    ({"metadata": [{"key": "year", "op": "in", "value": [2019, 2024]}]}, {"rates.md", "old.txt"}),
    ({"metadata": [{"key": "year", "op": "exists", "value": False}]}, {"de.txt"}),
    ({"metadata": [{"key": "team.name", "value": "h"}]}, {"rates.md"}),
    ({"metadata": [{"key": ["team.name"], "value": "h"}]}, set()),
    ({"types": ["txt"]}, {"old.txt", "de.txt"}),
    ({"types": ["text/markdown", "pdf"]}, {"rates.md"}),
    ({"tags": {"any": ["prices", "other"]}}, {"rates.md", "old.txt"}),
    ({"tags": {"all": ["prices", "2024"]}}, {"rates.md"}),
    ({"tags": {"none": ["2024"]}}, {"old.txt", "de.txt"}),
    ({"languages": ["DE"]}, {"de.txt"}),
    ({"created": {"from": "2020-01-01"}}, ALL),
    ({"created": {"to": "2020-01-01"}}, set()),
    ({"updated": {"from": "2020-01-01T10:00:00+02:00", "to": "9999-12-31"}}, ALL),
    ({"external_ids": ["old"]}, {"old.txt"}),
    ({"version_numbers": [1]}, ALL),
    ({"version_numbers": [2]}, set()),
    (
        {"types": ["txt"], "tags": {"any": ["prices"]}, "metadata": [{"key": "year", "op": "lt", "value": 2020}]},
        {"old.txt"},
    ),
]


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
def test_every_mode_finds_what_meets_the_filters_and_nothing_else(client: Client, mode: str) -> None:
    for filters, found in FOUND_BY:
        response = search(client, filters=filters, mode=mode)
        assert {passage["title"] for passage in response.json()["passages"]} == found, filters


def test_documents_and_versions_are_named_by_id(client: Client) -> None:
    document = Document.objects.get(title="rates.md")
    assert titles(client, documents=[str(document.pk)]) == {"rates.md"}
    assert titles(client, versions=[str(document.current_version_id)]) == {"rates.md"}
    assert titles(client, documents=[str(document.pk)], external_ids=["old"]) == set()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"metadata": [{"key": "year", "op": "about", "value": 1}]}, "metadata.0.op"),
    ({"metadata": [{"key": "year", "op": "gte", "value": [1]}]}, "'year' gte"),
    (
        {"metadata": [{"key": "on", "op": "gte", "value": "2024-13-45"}]},
        "'on' '2024-13-45' is invalid: it is not a date",
    ),
    ({"metadata": [{"key": "a", "value": {"b": 1}}]}, "'a' eq"),
    ({"metadata": [{"key": "a", "op": "in", "value": "b"}]}, "'a' in 'b'"),
    ({"metadata": [{"op": "in"}]}, "metadata.0.key"),
    ({"tag": ["a"]}, "filters.tag"),
    ({"tags": ["a"]}, "filters.tags"),
    ({"tags": {"some": ["a"]}}, "filters.tags.some"),
    ({"tags": {"any": ["a,b"]}}, "'a,b'"),
    ({"types": ["exe"]}, "'exe' is not known"),
    ({"languages": ["german"]}, "languages 'german'"),
    ({"created": {"from": "yesterday"}}, "'created.from' 'yesterday'"),
    ({"documents": ["x"]}, "filters.documents.0"),
    ({"external_ids": ["\x00"]}, "external_ids"),
    ({"version_numbers": ["x"]}, "filters.version_numbers.0"),
]


def test_a_filter_that_means_nothing_is_refused_with_key_and_value() -> None:
    client = make.client(make.tenant())
    for filters, said in REFUSED:
        response = search(client, filters=filters)
        assert response.status_code == 422
        body = response.json()
        told = [body["detail"], *(f"{error['field']} {error['message']}" for error in body.get("errors") or ())]
        assert any(said in one for one in told), (filters, told)


def test_filters_hold_for_answers_too(client: Client) -> None:
    def quoted(**filters: Any) -> set[str]:
        body = {"question": "What costs a berth in the harbour a night?", "filters": filters}
        answer = client.post("/api/v1/ask", body, content_type="application/json").json()
        return {citation["title"] for citation in answer["citations"]}

    assert quoted(types=["pdf"]) == set()
    assert quoted(external_ids=["old"]) == {"old.txt"}


def test_neighbours_and_section_come_with_exact_spans(client: Client) -> None:
    found = search(client, "shower", neighbours=1, section=True, top_k=1, filters={"types": ["md"]}).json()["passages"][
        0
    ]
    text = DocumentVersion.objects.get(pk=found["version"]).parsed.text
    assert [one["distance"] for one in found["neighbours"]] == [-1]
    assert all(text[one["start"] : one["end"]] == one["text"] for one in [*found["neighbours"], found["section"]])
    assert found["section"]["heading_path"] == ["Harbour", "Showers"]
    assert found["section"]["complete"]
    plain = search(client, "shower", top_k=1).json()["passages"][0]
    assert (plain["neighbours"], plain["section"]) == ([], None)


def test_what_says_the_same_gives_way_to_something_else(base: KnowledgeBase, client: Client) -> None:
    for number in range(3):
        make.ready_version(
            base, f"A berth in the old harbour costs 20 euros a night. {number}", filename=f"copy{number}.txt"
        )
    shown = [one["title"] for one in search(client, top_k=3).json()["passages"]]
    assert sum(title.startswith(("copy", "old")) for title in shown) >= 2
    varied = [one["title"] for one in search(client, top_k=3, diversity=0.6).json()["passages"]]
    assert varied[0] == shown[0]
    assert sum(title.startswith(("copy", "old")) for title in varied) == 1


@pytest.fixture
def _reranker(tmp_path: Path) -> None:
    model_register(source=cross_encoder_make(tmp_path), actor=ACTOR)


@pytest.mark.usefixtures("_reranker")
def test_a_reranker_puts_the_passages_into_its_order(client: Client) -> None:
    body = search(client, "berth night", rerank=True, explain=True, top_k=2).json()
    found = [(one["scores"]["rerank_rank"], one["scores"]["rerank"], one["score"]) for one in body["passages"]]
    assert [rank for rank, _, _ in found] == [1, 2]
    assert all(rerank == score for _, rerank, score in found)
    assert found[0][2] >= found[1][2]
    assert body["degraded"] == []
    assert body["explanation"]["candidates"]["read"] > body["explanation"]["candidates"]["passages"] == 2
    assert "rerank" in body["milliseconds"]


class Silent(FakeTransport):
    """A reranker that does not answer."""

    def rerank(self, *_: Any, **__: Any) -> Any:
        raise ModelUnavailableError("No worker.")


@pytest.mark.usefixtures("_reranker")
def test_a_reranker_that_does_not_answer_is_reported_and_the_order_is_that_of_the_search(
    client: Client, use_transport: UseTransport
) -> None:
    plain = [one["chunk"] for one in search(client).json()["passages"]]
    use_transport(Silent())
    body = search(client, rerank=True).json()
    assert [one["chunk"] for one in body["passages"]] == plain
    (told,) = body["degraded"]
    assert (told["step"], told["code"]) == ("rerank", "model_unavailable")
    assert "No worker." in told["detail"]


@pytest.mark.usefixtures("_reranker")
def test_an_answer_from_passages_that_were_not_reranked_says_so(client: Client, use_transport: UseTransport) -> None:
    use_transport(Silent())
    body = {"question": "What costs a berth in the harbour?", "rerank": True}
    answer = client.post("/api/v1/ask", body, content_type="application/json").json()
    assert (answer["found"], answer["generator"]) == (True, "extractive")
    (told,) = answer["degraded"]
    assert (told["step"], told["code"]) == ("rerank", "model_unavailable")
    assert "in the order of the search. No worker." in told["detail"]


def test_reranking_without_a_reranker_is_refused_in_words(client: Client) -> None:
    response = search(client, rerank=True)
    assert (response.status_code, response.json()["code"]) == (422, "no_reranker")
    assert "models register" in response.json()["detail"]


def statements(client: Client, **body: Any) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert search(client, **body).status_code == 200
    return len(seen.captured_queries)


@pytest.mark.usefixtures("_reranker")
def test_what_a_search_is_asked_besides_costs_few_statements(client: Client) -> None:
    statements(client)  # The first one looks up what the process remembers for a while.
    plain = statements(client)
    assert statements(client, filters={"types": ["md"], "tags": {"any": ["prices"]}}) == plain
    assert statements(client, diversity=0.5) <= plain + 1
    # Two, in a block of reading, which takes four: it begins, becomes the reader, and is rolled back and released.
    assert statements(client, neighbours=2, section=True) <= plain + 6
    assert statements(client, rerank=True) <= plain + 1
