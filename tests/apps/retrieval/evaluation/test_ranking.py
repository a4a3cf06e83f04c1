from __future__ import annotations

import uuid
from typing import Any

from apps.retrieval.evaluation.ranking import Judged, SpanOfVersion, ranked, relevant_keys
from tests.apps.retrieval.making import passage

A, B, C = (uuid.UUID(int=number) for number in (10, 11, 12))
VERSION = uuid.UUID(int=3)


def of(document: uuid.UUID, **fields: Any) -> Any:
    return passage("x" * 100, document_id=document, version_id=VERSION, **fields)


def keys(passages: list[Any], judged: list[Judged], depth: int = 10) -> list[str]:
    return [one.key for one in ranked(passages, judged, depth=depth)]


def test_a_document_stands_where_its_best_passage_stands() -> None:
    assert keys([of(B), of(A), of(B), of(C)], [Judged(A, 1)]) == [str(B), str(A), str(C)]


def test_a_ranking_is_cut_at_its_depth_in_documents() -> None:
    assert keys([of(A), of(A), of(B), of(C)], [], depth=2) == [str(A), str(B)]


def test_a_judged_span_is_met_by_the_passage_that_holds_it_and_not_by_others_of_its_document() -> None:
    judged = [Judged(A, 2, SpanOfVersion(VERSION, 250, 290))]
    (span,) = relevant_keys(judged)
    assert keys([of(A, start=0), of(B), of(A, start=200)], judged) == [str(A), str(B), span]


def test_a_passage_that_only_touches_a_span_does_not_meet_it() -> None:
    judged = [Judged(A, 1, SpanOfVersion(VERSION, 90, 190))]
    assert keys([of(A, start=0)], judged) == [str(A)], "10 of 100 characters are shared"
    assert keys([of(A, start=50)], judged) == list(relevant_keys(judged)), "60 of 100 are"


def test_a_span_that_is_larger_than_a_chunk_is_met_by_a_chunk_within_it() -> None:
    judged = [Judged(A, 1, SpanOfVersion(VERSION, 0, 5_000))]
    assert keys([of(A, start=700)], judged) == list(relevant_keys(judged))


def test_a_passage_that_holds_two_spans_meets_both() -> None:
    judged = [Judged(A, 1, SpanOfVersion(VERSION, 0, 20)), Judged(A, 3, SpanOfVersion(VERSION, 40, 60))]
    assert keys([of(A)], judged) == list(relevant_keys(judged))


def test_what_was_judged_wrong_ranks_as_what_nobody_judged() -> None:
    passages = [of(A), of(B, start=400), of(A, start=200), of(C, start=600)]
    relevant = [Judged(C, 2), Judged(A, 1, SpanOfVersion(VERSION, 200, 300))]
    wrong = [Judged(A, 0, SpanOfVersion(VERSION, 0, 100)), Judged(B, 0)]
    assert keys(passages, relevant + wrong) == keys(passages, relevant)
    assert relevant_keys(relevant + wrong) == relevant_keys(relevant)
    assert [one.is_wrong for one in ranked(passages, relevant + wrong, depth=10)] == [True, True, False, False]


def test_a_passage_that_was_judged_wrong_does_not_stand_for_its_relevant_document() -> None:
    judged = [Judged(A, 1), Judged(A, 0, SpanOfVersion(VERSION, 0, 100))]
    assert keys([of(A), of(B), of(A, start=200)], judged) == [f"{A}:wrong", str(B), str(A)]
    assert relevant_keys(judged) == {str(A): 1}


def test_of_several_grades_of_a_document_the_highest_counts() -> None:
    assert relevant_keys([Judged(A, 1), Judged(A, 3), Judged(A, 2)]) == {str(A): 3}
