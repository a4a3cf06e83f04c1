from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from numpy.typing import NDArray
from prometheus_client import REGISTRY

from apps.documents.models import Chunk, Document, KnowledgeBase
from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import AccessScope, access_scope
from apps.documents.services.documents import document_delete
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.index.generations import generation_index_if_large
from apps.retrieval.models import IndexGeneration
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search import dense
from apps.retrieval.search.dense import (
    DenseResult,
    SearchPlan,
    dense_scores,
    dense_search,
    generations_in_scope,
)
from apps.retrieval.search.filters import Condition, scope_condition
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.making import indexed, unit_vectors

pytestmark = pytest.mark.django_db

BERTHS = "The harbour has 42 berths for guests."


def nearest_by_numpy(vectors: NDArray[np.float32], vector: NDArray[np.float32], limit: int) -> list[str]:
    """The texts in the order that brute force gives."""
    return [f"Text {place:04}" for place in ranked(vectors, vector)[:limit]]


def ranked(vectors: NDArray[np.float32], vector: NDArray[np.float32]) -> list[int]:
    """The vectors' places, the nearest first, at the precision that they are stored in."""
    stored, wanted = (one.astype(np.float16).astype(np.float64) for one in (vectors, vector))
    similarities = stored @ wanted / np.linalg.norm(stored, axis=1) / np.linalg.norm(wanted)
    return [int(place) for place in np.argsort(-similarities)]


def nearest(
    base: KnowledgeBase, generation: IndexGeneration, vector: NDArray[np.float32], *conditions: Condition, limit: int
) -> DenseResult:
    return within(make.scope(base), [generation], vector, *conditions, limit=limit)


def within(
    scope: AccessScope,
    generations: list[IndexGeneration],
    vector: NDArray[np.float32],
    *conditions: Condition,
    limit: int,
) -> DenseResult:
    condition = scope_condition(scope)
    for further in conditions:
        condition &= further
    return dense_search(condition, scope=scope, generations=generations, vector=vector, limit=limit)


def chunks(result: DenseResult) -> list[Chunk]:
    known = Chunk.objects.in_bulk([hit.chunk_id for hit in result.hits])
    return [known[hit.chunk_id] for hit in result.hits]


def texts(result: DenseResult) -> list[str]:
    return [chunk.text for chunk in chunks(result)]


def scores(result: DenseResult) -> list[float]:
    return [hit.score for hit in result.hits]


def plan(result: DenseResult) -> SearchPlan:
    (only,) = result.plans.values()
    return only


def counted(plan: SearchPlan) -> float:
    return REGISTRY.get_sample_value("ragsite_dense_searches_total", {"plan": plan}) or 0.0


def with_index(generation: IndexGeneration, settings: Any, *, quantised: bool = False) -> IndexGeneration:
    settings.RAGSITE_HNSW_MIN_ROWS, settings.RAGSITE_QUANTISED_MIN_ROWS = 0, int(quantised)
    assert generation_index_if_large(generation)
    generation.refresh_from_db()
    return generation


def only_by_index() -> None:
    """Until the transaction ends no plan scans and sorts where an index has the order."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off")


def index_scans(generation: IndexGeneration) -> int:
    """How often the HNSW index was scanned in this transaction."""
    name = f"{generation.partition}_{'bits' if generation.quantised else 'hnsw'}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_numscans(%s::regclass)", [name])
        return int(cursor.fetchone()[0])


def both(settings: Any, generation: IndexGeneration, indexed_too: str) -> IndexGeneration:
    return with_index(generation, settings, quantised=indexed_too == "bits") if indexed_too else generation


INDEXED = pytest.mark.parametrize("indexed_too", ["", "vectors", "bits"], ids=["exact", "index", "bits"])
QUANTISED = pytest.mark.parametrize("quantised", [False, True], ids=["vectors", "bits"])


@pytest.mark.parametrize("function", [dense_search, dense_scores, generations_in_scope, retrieve])
def test_no_search_goes_without_a_scope(function: Any) -> None:
    scope = inspect.signature(function).parameters["scope"]
    assert scope.default is inspect.Parameter.empty
    assert scope.annotation == "AccessScope"


def test_an_exact_search_gives_the_order_of_brute_force() -> None:
    vectors, queries = unit_vectors(120), unit_vectors(5, seed=8)
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    for query in queries:
        result = nearest(base, generation, query, limit=20)
        assert plan(result) is SearchPlan.EXACT
        assert texts(result) == nearest_by_numpy(vectors, query, 20)
        assert scores(result) == sorted(scores(result), reverse=True)


def test_a_score_is_the_cosine_similarity() -> None:
    vectors = unit_vectors(3)
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    result = nearest(base, generation, vectors[1], limit=3)
    expected = sorted(map(float, vectors @ vectors[1]), reverse=True)
    assert scores(result) == pytest.approx(expected, abs=2e-3)
    assert scores(nearest(base, generation, -vectors[1], limit=3))[-1] == pytest.approx(-1, abs=2e-3)


def test_the_scores_of_given_chunks_are_those_that_a_search_gives_them() -> None:
    vectors, query = unit_vectors(40), unit_vectors(1, seed=8)[0]
    base = make.knowledge_base()
    generation, _ = indexed(base, vectors)
    scope, wanted = make.scope(base), nearest(base, generation, query, limit=40).hits[10:20]
    asked = {"scope": scope, "generations": [generation], "vector": query}
    found = dense_scores([hit.chunk_id for hit in wanted] + [-1], **asked)
    assert found == {hit.chunk_id: pytest.approx(hit.score) for hit in wanted}
    assert dense_scores([], **asked) == {}
    foreign = AccessScope(make.tenant().pk, frozenset({base.pk}))
    assert dense_scores([hit.chunk_id for hit in wanted], **(asked | {"scope": foreign})) == {}


@QUANTISED
def test_an_index_finds_what_brute_force_finds(settings: Any, quantised: bool) -> None:
    vectors, queries = unit_vectors(500), unit_vectors(20, seed=9)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings, quantised=quantised)
    # The signs of random directions say least of how near they are.
    settings.RAGSITE_SEARCH_CANDIDATES = 400 if quantised else 0
    found = 0
    for query in queries:
        result = nearest(base, generation, query, limit=10)
        assert plan(result) is SearchPlan.INDEX
        assert len(result.hits) == 10
        assert scores(result) == sorted(scores(result), reverse=True)
        found += len(set(texts(result)) & set(nearest_by_numpy(vectors, query, 10)))
    assert found / 200 >= 0.95


def test_the_more_vectors_there_are_the_more_candidates_a_search_holds_unless_it_is_told_how_many(
    settings: Any,
) -> None:
    vectors, queries = unit_vectors(700), unit_vectors(10, seed=9)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings)

    def recall(estimate: int, candidates: int) -> float:
        settings.RAGSITE_SEARCH_CANDIDATES, generation.vector_estimate = candidates, estimate
        found = [set(texts(nearest(base, generation, query, limit=10))) for query in queries]
        wanted = [set(nearest_by_numpy(vectors, query, 10)) for query in queries]
        return sum(len(some & all_) for some, all_ in zip(found, wanted, strict=True)) / 100

    assert generation.vector_estimate == 700
    only_by_index()
    by_few, by_rule, of_a_million = recall(700, 12), recall(700, 0), recall(1_000_000, 0)
    assert by_few < by_rule <= of_a_million
    assert of_a_million >= 0.97
    assert recall(1_000_000, 12) == by_few


def test_how_many_vectors_generations_have_is_read_with_them(settings: Any) -> None:
    base = make.knowledge_base()
    generation = with_index(indexed(base, unit_vectors(30))[0], settings)
    never_counted = indexed(make.knowledge_base(of=base.tenant), unit_vectors(3))[0]
    read = generations_in_scope(make.scope(base, never_counted.knowledge_base))
    with CaptureQueriesContext(connection) as queries:
        assert {one.pk: one.vector_estimate for one in read} == {generation.pk: 30, never_counted.pk: 0}
    assert len(queries) == 0


@QUANTISED
def test_the_statement_can_be_answered_by_the_index_and_the_exact_one_never_is(settings: Any, quantised: bool) -> None:
    vectors = unit_vectors(500)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings, quantised=quantised)
    only_by_index()
    generation.has_hnsw = False
    assert plan(nearest(base, generation, vectors[0], limit=5)) is SearchPlan.EXACT
    assert index_scans(generation) == 0
    generation.has_hnsw = True
    assert plan(nearest(base, generation, vectors[0], limit=5)) is SearchPlan.INDEX
    assert index_scans(generation) >= 1


@INDEXED
def test_a_search_that_reads_no_chunk_shows_no_more_behind_the_second_wall(settings: Any, indexed_too: str) -> None:
    vectors = unit_vectors(60)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation = both(settings, generation, indexed_too)
    Document.objects.filter(pk__in=[one.pk for one in documents[:20]]).update(restricted=True)
    Document.objects.filter(pk__in=[one.pk for one in documents[20:40]]).update(deleted_at="2024-01-01T00:00Z")
    no_first_wall = Condition("TRUE", {}, narrows=False)
    result = dense_search(no_first_wall, scope=make.scope(base), generations=[generation], vector=vectors[0], limit=60)
    assert sorted(texts(result)) == [f"Text {place:04}" for place in range(40, 60)]


@QUANTISED
def test_a_filter_that_leaves_few_rows_hides_none_of_them(settings: Any, quantised: bool) -> None:
    vectors = unit_vectors(400)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation = with_index(generation, settings, quantised=quantised)
    kept = documents[::100]
    Document.objects.exclude(pk__in=[document.pk for document in kept]).update(deleted_at="2024-01-01T00:00Z")
    before = counted(SearchPlan.EXACT_AFTER_INDEX)
    result = nearest(base, generation, unit_vectors(1, seed=10)[0], limit=10)
    assert plan(result) is SearchPlan.EXACT_AFTER_INDEX
    assert counted(SearchPlan.EXACT_AFTER_INDEX) == before + 1
    assert {chunk.version.document_id for chunk in chunks(result)} == {document.pk for document in kept}


@pytest.mark.parametrize(("few", "expected"), [(100, SearchPlan.EXACT), (99, SearchPlan.ITERATIVE)])
def test_the_plan_under_a_condition_follows_how_many_chunks_meet_it(
    settings: Any, monkeypatch: pytest.MonkeyPatch, few: int, expected: SearchPlan
) -> None:
    monkeypatch.setattr(dense, "SELECTIVE", few)
    vectors, query = unit_vectors(400), unit_vectors(1, seed=10)[0]
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    with_index(generation, settings)
    generation.refresh_from_db()
    kept = [document.pk for document in documents[::4]]
    only = Condition("d.id = ANY(%(kept)s)", {"kept": kept})
    before = counted(expected)
    result = nearest(base, generation, query, only, limit=10)
    assert plan(result) is expected
    assert counted(expected) == before + 1
    assert texts(result) == [f"Text {int(text[5:]) * 4:04}" for text in nearest_by_numpy(vectors[::4], query, 10)]


def test_a_knowledge_base_with_little_that_may_be_read_is_scanned_exactly(settings: Any) -> None:
    vectors = unit_vectors(200)
    base = make.knowledge_base(visibility="restricted")
    generation, documents = indexed(base, vectors)
    generation = with_index(generation, settings)
    principal, key = make.asking(base.tenant, "api_key")
    make.grant(documents[7], key)
    scope = access_scope(principal, knowledge_base_ids=None)
    result = within(scope, [generation], vectors[0], limit=10)
    assert (plan(result), texts(result)) == (SearchPlan.EXACT, ["Text 0007"])


def test_generations_without_an_index_are_searched_in_one_statement_and_as_one(settings: Any) -> None:
    vectors, query = unit_vectors(90), unit_vectors(1, seed=8)[0]
    tenant = make.tenant()
    bases = [make.knowledge_base(of=tenant) for _ in range(3)]
    generations = [indexed(base, part)[0] for base, part in zip(bases, np.split(vectors, 3), strict=True)]
    wanted = sorted((generations[place // 30].knowledge_base_id, place % 30) for place in ranked(vectors, query)[:20])
    for with_one_index, plans in [(False, 3 * ["exact"]), (True, ["exact", "index", "exact"])]:
        if with_one_index:
            generations[1] = with_index(generations[1], settings)
        with CaptureQueriesContext(connection) as queries:
            result = within(make.scope(*bases), generations, query, limit=20)
        assert list(result.plans.values()) == plans
        found = [(c.version.document.knowledge_base_id, int(c.text[5:])) for c in chunks(result)]
        assert sorted(found) == wanted
        assert scores(result) == sorted(scores(result), reverse=True)
        assert sum("<=>" in query["sql"] for query in queries) == 1 + with_one_index


@INDEXED
def test_another_tenants_chunk_is_never_returned_not_even_from_its_own_generation(
    settings: Any, indexed_too: str
) -> None:
    vectors = unit_vectors(30)
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    my_generation = both(settings, indexed(mine, vectors)[0], indexed_too)
    their_generation = both(settings, indexed(theirs, vectors)[0], indexed_too)
    found = nearest(mine, my_generation, vectors[0], limit=100)
    assert {chunk.version.document.knowledge_base_id for chunk in chunks(found)} == {mine.pk}
    assert len(found.hits) == 30
    forged = [
        make.scope(mine),
        AccessScope(tenant_id=mine.tenant_id, knowledge_base_ids=frozenset({theirs.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset({mine.pk})),
        AccessScope(tenant_id=theirs.tenant_id, knowledge_base_ids=frozenset()),
    ]
    for scope in forged:
        assert within(scope, [their_generation], vectors[0], limit=100).hits == ()


@INDEXED
def test_a_knowledge_base_that_is_not_in_the_scope_is_not_searched(settings: Any, indexed_too: str) -> None:
    vectors = unit_vectors(10)
    listed = make.knowledge_base()
    unlisted = make.knowledge_base(of=listed.tenant)
    generation = both(settings, indexed(unlisted, vectors)[0], indexed_too)
    assert nearest(listed, generation, vectors[0], limit=10).hits == ()


def test_identical_texts_of_two_tenants_stay_apart() -> None:
    mine, theirs = make.knowledge_base(), make.knowledge_base()
    for base in (mine, theirs):
        make.ready_version(base, BERTHS, filename="a.txt")
    assert make.found(make.scope(mine), "How many berths?") == [BERTHS]
    document = Document.objects.get(tenant=theirs.tenant)
    document_delete(document=document, actor=ACTOR)
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
        document_delete(document=version.document, actor=ACTOR)
    else:
        knowledge_base_delete(knowledge_base=base, actor=ACTOR)
    assert make.found(make.scope(base), "berths") == []


def test_a_passage_says_where_it_is() -> None:
    base: KnowledgeBase = make.knowledge_base()
    version = make.ready_version(base)
    wanted = SearchRequest("berths", top_k=50, mode=Mode.DENSE)
    passages = retrieve(wanted, scope=make.scope(base), deadline=make.soon()).passages
    assert len(passages) == version.chunk_count
    for passage in passages:
        assert version.parsed.text[passage.start : passage.end] == passage.text
        assert passage.heading_path[0] == "Harbour handbook"
        assert (passage.document_title, passage.version_number) == ("handbook.md", 1)
        assert (passage.document_id, passage.version_id) == (version.document_id, version.pk)
