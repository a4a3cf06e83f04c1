"""A generation in parts finds what one that is not divided finds, and looks only where something can be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.documents.models import Chunk, Document, KnowledgeBase
from apps.documents.parsing.types import DocumentType
from apps.documents.rights.access import AccessScope, access_scope
from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.models import Embedding, IndexGeneration, IndexPart, parts_of
from apps.retrieval.search import dense
from apps.retrieval.search.candidates import LEAST, LEAST_OF_SEVERAL
from apps.retrieval.search.dense import DenseResult, SearchPlan, dense_scores, dense_search, generations_in_scope
from apps.retrieval.search.filters import Condition, Period, SearchFilters, filters_condition, scope_condition
from apps.retrieval.search.refining import chunk_similarities
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.search.test_dense import only_by_index

pytestmark = pytest.mark.django_db

TYPES = ("pdf", "txt", "docx")
ADDED = tuple(datetime(year, month, 15, tzinfo=UTC) for year, month in ((2024, 12), (2025, 1), (2025, 2), (2026, 2)))
FEBRUARY, MARCH = (datetime(2025, month, 1, tzinfo=UTC) for month in (2, 3))
PARTS = pytest.mark.parametrize("parts", ["month", "year", "type"])
FILTERS = {
    "none": SearchFilters(),
    "a type": SearchFilters(document_types=frozenset({DocumentType.PDF})),
    "types": SearchFilters(document_types=frozenset({DocumentType.PDF, DocumentType.DOCX})),
    "no such type": SearchFilters(document_types=frozenset({DocumentType.CSV})),
    "a month": SearchFilters(created=Period(FEBRUARY, MARCH)),
    "within a month": SearchFilters(created=Period(datetime(2025, 2, 16, tzinfo=UTC), MARCH)),
    "since": SearchFilters(created=Period(FEBRUARY)),
    "before": SearchFilters(created=Period(None, FEBRUARY)),
    "both": SearchFilters(created=Period(FEBRUARY), document_types=frozenset({DocumentType.TEXT})),
}


def made(parts: str, number: int = 120, **fields: Any) -> tuple[KnowledgeBase, IndexGeneration, list[Document]]:
    base = make.knowledge_base(parts=parts, **fields)
    return base, *indexed(base, unit_vectors(number), types=TYPES, added=ADDED)


def asked(scope: AccessScope, filters: SearchFilters, *, limit: int = 10) -> DenseResult:
    condition = scope_condition(scope) & filters_condition(filters)
    return within(scope, condition, generations_in_scope(scope), limit=limit)


def within(
    scope: AccessScope, condition: Condition, generations: list[IndexGeneration], *, limit: int = 10
) -> DenseResult:
    query = unit_vectors(1, seed=9)[0]
    return dense_search(condition, scope=scope, generations=generations, vector=query, limit=limit)


def told(result: DenseResult) -> list[tuple[str, float]]:
    texts = dict(Chunk.objects.values_list("pk", "text"))
    return [(texts[hit.chunk_id], round(hit.score, 6)) for hit in result.hits]


def plans(result: DenseResult) -> dict[str, str]:
    return {part.key: part.plan.value for part in result.parts}


def with_indexes(generation: IndexGeneration, settings: Any, *, from_rows: int = 0, bits: bool = False) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS, settings.RAGSITE_QUANTISED_MIN_ROWS = from_rows, int(bits)
    settings.RAGSITE_SEARCH_CANDIDATES = 400
    assert generation_index_if_large(generation)
    only_by_index()


@PARTS
@pytest.mark.parametrize("how", ["exact", "index", "bits"])
def test_what_is_found_is_what_an_undivided_generation_finds(parts: str, how: str, settings: Any) -> None:
    whole, (base, generation, _) = made("none")[0], made(parts)
    if how != "exact":
        with_indexes(generation, settings, bits=how == "bits")
    found = {asks: asked(make.scope(base), filters) for asks, filters in FILTERS.items()}
    assert {asks: told(one) for asks, one in found.items()} == {
        asks: told(asked(make.scope(whole), filters)) for asks, filters in FILTERS.items()
    }
    assert all(len({hit.chunk_id for hit in one.hits}) == len(one.hits) for one in found.values())


@pytest.mark.parametrize(
    ("parts", "asks", "expected"),
    [
        ("type", "none", {"docx": "exact", "pdf": "exact", "txt": "exact"}),
        ("type", "a type", {"docx": "left_out", "pdf": "exact", "txt": "left_out"}),
        ("type", "a month", {"docx": "exact", "pdf": "exact", "txt": "exact"}),
        ("month", "since", {"2024-12": "left_out", "2025-01": "left_out", "2025-02": "exact", "2026-02": "exact"}),
        ("month", "before", {"2024-12": "exact", "2025-01": "exact", "2025-02": "left_out", "2026-02": "left_out"}),
        ("year", "a month", {"2024": "left_out", "2025": "exact", "2026": "left_out"}),
    ],
)
def test_parts_in_which_nothing_can_be_meant_are_left_out_of_the_statement(
    parts: str, asks: str, expected: dict[str, str]
) -> None:
    base, generation, _ = made(parts)
    with CaptureQueriesContext(connection) as queries:
        result = asked(make.scope(base), FILTERS[asks])
    assert plans(result) == expected
    assert result.plans == {generation.pk: SearchPlan.EXACT}
    (search,) = [query["sql"] for query in queries if "<=>" in query["sql"]]
    numbers = {str(part.pk) for part in parts_of([generation]) if expected[part.key] != "left_out"}
    assert set(search.partition("generation_id IN (")[2].partition(")")[0].split(",")) == numbers


def test_where_all_parts_are_left_out_no_vector_is_looked_at() -> None:
    base, generation, _ = made("type")
    with CaptureQueriesContext(connection) as queries:
        result = asked(make.scope(base), FILTERS["no such type"])
    assert (result.hits, result.plans) == ((), {generation.pk: SearchPlan.LEFT_OUT})
    assert not [query for query in queries if "<=>" in query["sql"]]


def test_a_part_that_is_asked_for_whole_is_searched_by_its_index_and_one_across_its_bounds_with_care(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "SELECTIVE", 5)
    base, generation, _ = made("month")
    with_indexes(generation, settings)
    result = asked(make.scope(base), SearchFilters(created=Period(datetime(2025, 1, 10, tzinfo=UTC))))
    assert plans(result) == {
        "2024-12": "left_out", "2025-01": "iterative", "2025-02": "index", "2026-02": "index",
    }  # fmt: skip


def test_large_parts_are_searched_by_their_indexes_and_the_others_exactly(settings: Any) -> None:
    base = make.knowledge_base(parts="type")
    generation, _ = indexed(base, unit_vectors(120), types=("pdf", "pdf", "pdf", "txt"))
    with_indexes(generation, settings, from_rows=60)
    assert dict(IndexPart.objects.values_list("key", "has_hnsw")) == {"pdf": True, "txt": False}
    result = asked(make.scope(base), SearchFilters())
    assert plans(result) == {"pdf": "index", "txt": "exact"}
    whole = make.knowledge_base()
    indexed(whole, unit_vectors(120))
    assert told(result) == told(asked(make.scope(whole), SearchFilters()))


def test_a_part_whose_nearest_are_hidden_is_looked_through_though_the_others_give_enough(settings: Any) -> None:
    """Merged with the others it would give too little, and nobody would notice."""
    base = make.knowledge_base(parts="type")
    query, vectors = unit_vectors(1, seed=9)[0], unit_vectors(300)
    vectors[::3] = query + 0.5 * vectors[::3]
    generation, documents = indexed(base, vectors, types=TYPES)
    with_indexes(generation, settings)
    settings.RAGSITE_SEARCH_CANDIDATES = 10
    near = sorted(range(0, 300, 3), key=lambda place: -float(vectors[place] @ query / np.linalg.norm(vectors[place])))
    hidden = [documents[place].pk for place in near[:30]]
    Document.objects.filter(pk__in=hidden).update(deleted_at="2024-01-01T00:00Z")
    result = asked(make.scope(base), SearchFilters(), limit=5)
    assert plans(result) == {"docx": "index", "pdf": "iterative", "txt": "index"}
    assert [text for text, _ in told(result)] == [f"Text {place:04}" for place in near[30:35]]


def test_each_of_several_parts_holds_fewer_candidates_and_a_single_one_as_many_as_an_index_alone(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, generation, _ = made("type")
    with_indexes(generation, settings)
    settings.RAGSITE_SEARCH_CANDIDATES = 0
    held: list[str] = []
    before = dense.scan_settings
    monkeypatch.setattr(dense, "scan_settings", lambda most, **kind: held.append(str(most)) or before(most, **kind))
    asked(make.scope(base), SearchFilters())
    assert held == 3 * [str(LEAST_OF_SEVERAL)]
    held.clear()
    asked(make.scope(base), FILTERS["a type"])
    assert held == [str(LEAST)]


@pytest.mark.parametrize("with_index", [False, True], ids=["exact", "index"])
def test_rights_hold_in_every_part(settings: Any, with_index: bool) -> None:
    base, generation, documents = made("type", visibility="restricted")
    if with_index:
        with_indexes(generation, settings)
    principal, key = make.asking(base.tenant, "api_key")
    for document in documents[:4]:
        make.grant(document, key)
    scope = access_scope(principal, knowledge_base_ids=None)
    result = asked(scope, SearchFilters(), limit=100)
    assert sorted(text for text, _ in told(result)) == [f"Text {number:04}" for number in range(4)]
    foreign = make.scope(make.knowledge_base())
    assert within(foreign, scope_condition(foreign), [generation]).hits == ()


@pytest.mark.parametrize("with_index", [False, True], ids=["exact", "index"])
def test_the_second_wall_stands_around_parts_too(settings: Any, with_index: bool) -> None:
    base, generation, documents = made("type", 60)
    if with_index:
        with_indexes(generation, settings)
    Document.objects.filter(pk__in=[one.pk for one in documents[:20]]).update(restricted=True)
    everything = Condition("TRUE", {}, narrows=False)
    mine = within(make.scope(base), everything, [generation], limit=60)
    assert sorted(text for text, _ in told(mine)) == [f"Text {number:04}" for number in range(20, 60)]
    assert within(make.scope(make.knowledge_base()), everything, [generation], limit=60).hits == ()


def test_chunks_that_words_found_get_their_nearness_and_likeness_across_parts() -> None:
    base, generation, _ = made("type", 12)
    scope, chunk_ids = make.scope(base), sorted(Chunk.objects.values_list("pk", flat=True))
    query, vectors = unit_vectors(1, seed=9)[0], unit_vectors(12)
    scores = dense_scores(chunk_ids, scope=scope, generations=[generation], vector=query)
    assert np.allclose([scores[one] for one in chunk_ids], vectors @ query, atol=1e-3)
    alike = chunk_similarities(chunk_ids, scope=scope, generations=[generation])
    assert np.allclose(alike, np.clip(vectors @ vectors.T, 0, 1), atol=1e-2)


def test_parts_are_read_with_the_generations_in_one_statement_and_only_where_there_are_any() -> None:
    base, generation, _ = made("type")
    other = make.knowledge_base(of=base.tenant)
    indexed(other, unit_vectors(3))
    with CaptureQueriesContext(connection) as queries:
        generations_in_scope(make.scope(other))
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        found = generations_in_scope(make.scope(base, other))
        assert [len(one.held_in) for one in found] == [3, 1]
    assert len(queries) == 2
    assert generation.embeddings.count() == 120 == Embedding.objects.count() - 3
