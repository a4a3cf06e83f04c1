from __future__ import annotations

import numpy as np
import pytest

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import reading_as
from apps.retrieval.index.lexical.reading import NOTHING_SCORED, ScoredChunks, lexical_score
from apps.retrieval.index.lexical.writing import lexical_build
from ragsite.gateway.models import Tenant
from tests import factories as make
from tests.apps.retrieval.texts import bm25_by_hand, document, found_chunks, index_of

pytestmark = pytest.mark.django_db

BERTHS, TIDES, PRICES = (
    "The harbour has 42 berths.",
    "The tide turns in the harbour at noon.",
    "A berth costs 31 euros.",
)


def indexed(*texts: str, of: Tenant | None = None) -> KnowledgeBase:
    base = make.knowledge_base(of=of)
    document(base, list(texts))
    lexical_build(index_of(base))
    return base


def scored(text: str, *bases: KnowledgeBase) -> ScoredChunks:
    indexes = [index_of(base) for base in bases]
    with reading_as(make.scope(*bases)):
        return lexical_score(indexes, text)


def in_order(chunks: ScoredChunks) -> list[tuple[int, float]]:
    best = chunks.best_first()
    return list(zip(best.chunk_ids.tolist(), best.scores.tolist(), strict=True))


def test_chunks_are_scored_by_the_formula() -> None:
    base = indexed(BERTHS, TIDES, PRICES)
    expected = bm25_by_hand(found_chunks(base), "harbour berths")
    told = in_order(scored("harbour berths", base))
    assert [pk for pk, _ in told] == [pk for pk, _ in expected]
    assert [score for _, score in told] == pytest.approx([score for _, score in expected])


def test_several_indexes_are_scored_as_if_they_were_one() -> None:
    one = indexed(BERTHS, TIDES)
    other = indexed(PRICES, of=one.tenant)
    expected = dict(bm25_by_hand(found_chunks(one) | found_chunks(other), "harbour berths"))
    told = dict(in_order(scored("harbour berths", one, other)))
    assert told == pytest.approx(expected)
    assert len(told) == 3


def test_a_second_reading_that_remembers_the_segments_tells_the_same() -> None:
    base = indexed(BERTHS, TIDES)
    first = in_order(scored("harbour", base))
    assert len(first) == 2
    assert in_order(scored("harbour", base)) == first


@pytest.mark.parametrize("text", ["", "the of", "nowhere"])
def test_a_question_without_a_known_term_scores_nothing(text: str) -> None:
    assert in_order(scored(text, indexed(BERTHS))) == in_order(NOTHING_SCORED) == []


def test_equal_scores_are_in_the_order_of_ids_and_unknown_chunks_have_none() -> None:
    chunks = ScoredChunks(np.array([7, 3, 5]), np.array([1.0, 2.0, 1.0]))
    assert in_order(chunks) == [(3, 2.0), (5, 1.0), (7, 1.0)]
    assert chunks.scores_of([5, 3, 99]) == {5: 1.0, 3: 2.0}
    assert in_order(chunks.where(chunks.scores > 1)) == [(3, 2.0)]
