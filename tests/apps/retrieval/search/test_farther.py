"""Searches that hold more candidates than one scan of an index does."""

from __future__ import annotations

from typing import Any

import pytest

from apps.retrieval.search.dense import SearchPlan
from tests import factories as make
from tests.apps.retrieval.making import indexed, unit_vectors
from tests.apps.retrieval.search.test_dense import (
    QUANTISED,
    nearest,
    nearest_by_numpy,
    only_by_index,
    plan,
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
    monkeypatch.setattr("apps.retrieval.search.dense.OF_ONE_SCAN", 12)

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
