"""Searches that hold more candidates than one scan of an index does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from apps.documents.models import Document
from apps.retrieval.search.dense import SearchPlan
from apps.retrieval.search.filters import Condition
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.search.test_dense import (
    QUANTISED,
    index_scans,
    nearest,
    nearest_by_numpy,
    only_by_index,
    plan,
    ranked,
    scores,
    texts,
    with_index,
)

pytestmark = pytest.mark.django_db


@QUANTISED
def test_more_candidates_than_one_scan_holds_come_by_one_that_goes_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch, quantised: bool
) -> None:
    vectors, queries = unit_vectors(700), unit_vectors(10, seed=9)
    base = make.knowledge_base()
    generation = with_index(indexed(base, vectors)[0], settings, quantised=quantised)
    only_by_index()
    monkeypatch.setattr("apps.retrieval.search.candidates.OF_ONE_SCAN", 12)

    def found(candidates: int) -> int:
        settings.RAGSITE_SEARCH_CANDIDATES = candidates
        results = [nearest(base, generation, query, limit=10) for query in queries]
        assert {plan(result) for result in results} == {SearchPlan.INDEX}
        assert all(scores(result) == sorted(scores(result), reverse=True) for result in results)
        wanted = [set(nearest_by_numpy(vectors, query, 10)) for query in queries]
        return sum(len(set(texts(result)) & near) for result, near in zip(results, wanted, strict=True))

    by_one_scan, by_more = found(12), found(600)
    assert by_one_scan < 90
    assert by_more >= 97


def keeping(documents: Sequence[Document], every: int) -> Condition:
    return Condition("d.id = ANY(%(kept)s)", {"kept": [one.pk for one in documents[::every]]})


def test_as_many_candidates_are_held_under_a_condition(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = unit_vectors(700), unit_vectors(10, seed=9)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation, half = with_index(generation, settings), keeping(documents, 2)
    only_by_index()
    monkeypatch.setattr("apps.retrieval.search.candidates.OF_ONE_SCAN", 12)
    monkeypatch.setattr("apps.retrieval.search.candidates.LEAST_MEETING", 10)
    monkeypatch.setattr("apps.retrieval.search.dense.SELECTIVE", 9)

    def found(candidates: int) -> int:
        settings.RAGSITE_SEARCH_CANDIDATES = candidates
        results = [nearest(base, generation, query, half, limit=10) for query in queries]
        assert {plan(result) for result in results} == {SearchPlan.ITERATIVE}
        wanted = [{2 * place for place in ranked(vectors[::2], query)[:10]} for query in queries]
        places = [{int(text.removeprefix("Text ")) for text in texts(result)} for result in results]
        return sum(len(place & near) for place, near in zip(places, wanted, strict=True))

    by_one_scan, by_more = found(12), found(600)
    assert by_one_scan < 90
    assert by_more >= 97


def test_where_too_few_candidates_meet_a_condition_the_scan_goes_on(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(700)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation, few = with_index(generation, settings), keeping(documents, 60)
    only_by_index()
    settings.RAGSITE_SEARCH_CANDIDATES = 24
    monkeypatch.setattr("apps.retrieval.search.candidates.OF_ONE_SCAN", 12)
    monkeypatch.setattr("apps.retrieval.search.candidates.LEAST_MEETING", 10)
    monkeypatch.setattr("apps.retrieval.search.dense.SELECTIVE", 9)
    result = nearest(base, generation, vectors[0], few, limit=10)
    assert plan(result) is SearchPlan.ITERATIVE
    assert len(result.hits) == 10
    assert index_scans(generation) == 2


def test_where_hardly_any_candidate_meets_a_condition_the_index_is_scanned_no_further(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = unit_vectors(700)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation, few = with_index(generation, settings), keeping(documents, 60)
    settings.RAGSITE_SEARCH_CANDIDATES = 100
    monkeypatch.setattr("apps.retrieval.search.candidates.OF_ONE_SCAN", 50)
    monkeypatch.setattr("apps.retrieval.search.dense.SELECTIVE", 9)
    query = unit_vectors(1, seed=10)[0]
    result = nearest(base, generation, query, few, limit=10)
    assert texts(result) == [f"Text {60 * place:04}" for place in ranked(vectors[::60], query)[:10]]
    assert index_scans(generation) == 1


@QUANTISED
def test_under_a_condition_the_index_is_scanned_whatever_the_planner_expects(
    settings: Any, monkeypatch: pytest.MonkeyPatch, quantised: bool
) -> None:
    vectors = unit_vectors(400)
    base = make.knowledge_base()
    generation, documents = indexed(base, vectors)
    generation, half = with_index(generation, settings, quantised=quantised), keeping(documents, 2)
    monkeypatch.setattr("apps.retrieval.search.dense.SELECTIVE", 9)
    result = nearest(base, generation, vectors[0], half, limit=10)
    assert plan(result) is SearchPlan.ITERATIVE
    assert index_scans(generation) == 1
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_sort")
        assert cursor.fetchone() == ("on",)
