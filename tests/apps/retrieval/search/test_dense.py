from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from django.db import connection
from numpy.typing import NDArray

from apps.documents.access import AccessScope
from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.dense import SearchPlan, dense_search, generations_in_scope
from apps.retrieval.services.generations import generation_index_if_large
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors

pytestmark = pytest.mark.django_db

BERTHS = "The harbour has 42 berths for guests."


def nearest_by_numpy(vectors: NDArray[np.float32], vector: NDArray[np.float32], limit: int) -> list[str]:
    """The texts in the order that brute force gives, at the precision the vectors are stored in."""
    stored, wanted = (one.astype(np.float16).astype(np.float64) for one in (vectors, vector))
    similarities = stored @ wanted / np.linalg.norm(stored, axis=1) / np.linalg.norm(wanted)
    return [f"Text {number:04}" for number in np.argsort(-similarities)[:limit]]


def texts(result: Any) -> list[str]:
    return [passage.text for passage in result.passages]


def with_index(generation: IndexGeneration, settings: Any) -> IndexGeneration:
    settings.RAGSITE_HNSW_MIN_ROWS = 0
    assert generation_index_if_large(generation)
    generation.refresh_from_db()
    return generation


def index_scans(generation: IndexGeneration) -> int:
    """How often the HNSW index was scanned in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [f"{generation.partition}_hnsw"])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("function", [dense_search, generations_in_scope])
def test_no_search_goes_without_a_scope(function: Any) -> None:
    scope = inspect.signature(function).parameters["scope"]
    assert scope.default is inspect.Parameter.empty
    assert scope.annotation == "AccessScope"


def test_an_exact_search_gives_the_order_of_brute_force() -> None:
    vectors, queries = unit_vectors(120), unit_vectors(5, seed=8)
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    for query in queries:
        result = dense_search(make.scope(base), generation=generation, vector=query, limit=20)
        assert result.plan is SearchPlan.EXACT
        assert texts(result) == nearest_by_numpy(vectors, query, 20)
        scores = [passage.score for passage in result.passages]
        assert scores == sorted(scores, reverse=True)


def test_a_score_is_the_cosine_similarity() -> None:
    vectors = unit_vectors(3)
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    result = dense_search(make.scope(base), generation=generation, vector=vectors[1], limit=3)
    expected = sorted(map(float, vectors @ vectors[1]), reverse=True)
    assert [passage.score for passage in result.passages] == pytest.approx(expected, abs=2e-3)
    opposite = dense_search(make.scope(base), generation=generation, vector=-vectors[1], limit=3)
    assert opposite.passages[-1].score == pytest.approx(-1, abs=2e-3)


def test_an_index_finds_what_brute_force_finds(settings: Any) -> None:
    vectors, queries = unit_vectors(500), unit_vectors(20, seed=9)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings)
    found = 0
    for query in queries:
        result = dense_search(make.scope(base), generation=generation, vector=query, limit=10)
        assert result.plan is SearchPlan.INDEX
        assert len(result.passages) == 10
        scores = [passage.score for passage in result.passages]
        assert scores == sorted(scores, reverse=True)
        found += len(set(texts(result)) & set(nearest_by_numpy(vectors, query, 10)))
    assert found / 200 >= 0.95


def test_the_statement_can_be_answered_by_the_index_and_the_exact_one_never_is(settings: Any) -> None:
    vectors = unit_vectors(500)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")
    generation.has_hnsw = False
    assert dense_search(make.scope(base), generation=generation, vector=vectors[0], limit=5).plan is SearchPlan.EXACT
    assert index_scans(generation) == 0
    generation.has_hnsw = True
    assert dense_search(make.scope(base), generation=generation, vector=vectors[0], limit=5).plan is SearchPlan.INDEX
    assert index_scans(generation) >= 1


def test_a_filter_that_leaves_few_rows_hides_none_of_them(settings: Any) -> None:
    vectors = unit_vectors(400)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation = with_index(generation, settings)
    kept = documents[::100]
    Document.objects.exclude(pk__in=[document.pk for document in kept]).update(deleted_at="2024-01-01T00:00Z")
    result = dense_search(make.scope(base), generation=generation, vector=unit_vectors(1, seed=10)[0], limit=10)
    assert result.plan is SearchPlan.EXACT_AFTER_INDEX
    assert {passage.document_id for passage in result.passages} == {document.pk for document in kept}


def both(settings: Any, generation: IndexGeneration, indexed_too: bool) -> IndexGeneration:
    return with_index(generation, settings) if indexed_too else generation


INDEXED = pytest.mark.parametrize("indexed_too", [False, True], ids=["exact", "index"])


@INDEXED
def test_another_tenants_chunk_is_never_returned_not_even_from_its_own_generation(
    settings: Any, indexed_too: bool
) -> None:
    vectors = unit_vectors(30)
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    my_generation = both(settings, indexed(mine, vectors)[0], indexed_too)
    their_generation = both(settings, indexed(theirs, vectors)[0], indexed_too)
    found = dense_search(make.scope(mine), generation=my_generation, vector=vectors[0], limit=100)
    assert {passage.knowledge_base_id for passage in found.passages} == {mine.pk}
    assert len(found.passages) == 30
    forged = [
        make.scope(mine),
        AccessScope(tenant_id=mine.tenant_id, knowledge_base_ids=frozenset({theirs.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset({mine.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset()),
    ]
    for scope in forged:
        assert dense_search(scope, generation=their_generation, vector=vectors[0], limit=100).passages == ()


@INDEXED
def test_a_knowledge_base_that_is_not_in_the_scope_is_not_searched(settings: Any, indexed_too: bool) -> None:
    vectors = unit_vectors(10)
    listed = make.knowledge_base()
    unlisted = make.knowledge_base(of=listed.tenant)
    generation = both(settings, indexed(unlisted, vectors)[0], indexed_too)
    assert dense_search(make.scope(listed), generation=generation, vector=vectors[0], limit=10).passages == ()


def test_identical_texts_of_two_tenants_stay_apart() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    for base in (mine, theirs):
        make.ready_version(base, BERTHS, filename="a.txt")
    assert make.found(make.scope(mine), "How many berths?") == [BERTHS]
    document = Document.objects.get(tenant=theirs.tenant)
    document_delete(document=document)
    assert make.found(make.scope(mine), "How many berths?") == [BERTHS]
    assert make.found(make.scope(theirs), "How many berths?") == []


def test_generations_of_other_tenants_are_not_in_a_scope() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    for base in (mine, theirs):
        make.ready_version(base)
    forged = AccessScope(tenant_id=mine.tenant_id, knowledge_base_ids=frozenset({mine.pk, theirs.pk}))
    assert [generation.knowledge_base for generation in generations_in_scope(forged)] == [mine]
    assert generations_in_scope(AccessScope(tenant_id=mine.tenant_id, knowledge_base_ids=frozenset())) == []


def test_only_the_current_version_of_a_document_is_found() -> None:
    base = make.knowledge_base()
    for number in (7, 9):
        make.ready_version(base, f"The gate opens at {number}.", filename="a.txt", external_id="gate")
    assert make.found(make.scope(base), "When does the gate open?") == ["The gate opens at 9."]


def test_a_version_that_is_embedded_but_not_activated_is_not_found() -> None:
    base = make.knowledge_base()
    make.upload(base, BERTHS, filename="a.txt")
    make.run_stages(["parse", "chunk", "embed"])
    assert make.found(make.scope(base), "berths") == []
    make.run_stages(["activate"])
    assert make.found(make.scope(base), "berths") == [BERTHS]


@pytest.mark.parametrize("how", ["document", "knowledge base"])
def test_what_was_deleted_is_not_found_from_that_moment_on(how: str) -> None:
    base = make.knowledge_base()
    version = make.ready_version(base, BERTHS, filename="a.txt")
    assert make.found(make.scope(base), "berths") == [BERTHS]
    if how == "document":
        document_delete(document=version.document)
    else:
        knowledge_base_delete(knowledge_base=base)
    assert make.found(make.scope(base), "berths") == []


def test_a_passage_tells_where_it_stands() -> None:
    base: KnowledgeBase = make.knowledge_base()
    version = make.ready_version(base)
    (generation,) = generations_in_scope(make.scope(base))
    result = dense_search(make.scope(base), generation=generation, vector=unit_vectors(1)[0], limit=50)
    assert len(result.passages) == version.chunk_count
    for passage in result.passages:
        assert version.parsed.text[passage.start : passage.end] == passage.text
        assert passage.heading_path[0] == "Harbour handbook"
        assert (passage.document_title, passage.version_number) == ("handbook.md", 1)
        assert (passage.document_id, passage.version_id) == (version.document_id, version.pk)
