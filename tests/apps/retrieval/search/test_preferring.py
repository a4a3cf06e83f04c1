from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.retrieval.index.lexical.reading import TermStatistics
from apps.retrieval.search.fusion import RankedChunk, Scores
from apps.retrieval.search.naming import AskedWords, asked_words
from apps.retrieval.search.preferring import Candidate, has_preferences, prefer

ADOBE, NIKE = UUID(int=1), UUID(int=2)
TITLES = {ADOBE: "ADOBE_2022_10K.pdf", NIKE: "NIKE_2021_10K.pdf"}
ASKED = asked_words("What did Adobe earn in 2022?", TermStatistics(100, {"adob": 10, "2022": 50}, ("english",)))
NOTHING = AskedWords()


def chunks(scores: dict[int, float]) -> list[RankedChunk]:
    ordered = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    return [
        RankedChunk(pk, score, Scores(fused=score, fused_rank=place)) for place, (pk, score) in enumerate(ordered, 1)
    ]


def candidate(document: UUID, page: int | None = None) -> Candidate:
    return Candidate(document, TITLES[document], None if page is None else (document, "page", page))


def preferred(
    scores: dict[int, float],
    candidates: dict[int, Candidate],
    asked: AskedWords = ASKED,
    *,
    names: float = 0.1,
    same_page: float = 0.8,
    limit: int = 100,
) -> list[RankedChunk]:
    settings = RetrievalSettings(names=names, same_page=same_page)
    return list(prefer(chunks(scores), candidates, asked, settings=settings, limit=limit))


def placed(found: list[RankedChunk]) -> list[tuple[int, float]]:
    return [(one.chunk_id, pytest.approx(one.score)) for one in found]


def test_chunks_of_a_document_that_the_question_names_are_lifted_and_say_why() -> None:
    found = preferred({1: 0.90, 2: 0.85, 3: 0.4}, {1: candidate(NIKE), 2: candidate(ADOBE), 3: candidate(ADOBE)})
    assert placed(found) == [(2, 0.9 * 0.85 + 0.1), (1, 0.9 * 0.90), (3, 0.9 * 0.4 + 0.1)]
    told = [(one.scores.named, one.scores.name_words, one.scores.fused, one.scores.fused_rank) for one in found]
    assert told == [(1.0, ("adobe", "2022"), 0.85, 2), (0.0, (), 0.90, 1), (1.0, ("adobe", "2022"), 0.4, 3)]


def test_a_name_does_not_beat_what_is_much_better() -> None:
    assert placed(preferred({1: 0.9, 2: 0.7}, {1: candidate(NIKE), 2: candidate(ADOBE)}))[0][0] == 1


def test_where_no_name_has_a_word_of_the_question_nothing_is_scaled_down() -> None:
    for asked in (NOTHING, asked_words("tide tables", TermStatistics())):
        found = preferred({1: 0.9, 2: 0.7}, {1: candidate(NIKE), 2: candidate(ADOBE)}, asked)
        assert found == chunks({1: 0.9, 2: 0.7})
        assert {one.scores.named for one in found} == {None}


def test_further_passages_of_a_page_give_way_to_other_pages_and_keep_their_order() -> None:
    pages = {1: candidate(NIKE, 7), 2: candidate(NIKE, 7), 3: candidate(NIKE, 7), 4: candidate(NIKE, 8)}
    found = preferred({1: 1.0, 2: 0.95, 3: 0.9, 4: 0.8}, pages, NOTHING)
    assert placed(found) == [(1, 1.0), (4, 0.8), (2, 0.8 * 0.95), (3, 0.64 * 0.9)]
    assert [one.scores.page_rank for one in found] == [1, 1, 2, 3]


def test_the_same_number_in_another_document_is_another_page() -> None:
    found = preferred({1: 1.0, 2: 0.9}, {1: candidate(NIKE, 7), 2: candidate(ADOBE, 7)}, NOTHING)
    assert placed(found) == [(1, 1.0), (2, 0.9)]


def test_what_has_no_pages_gives_way_to_nothing() -> None:
    found = preferred({1: 1.0, 2: 0.9}, {1: candidate(NIKE), 2: candidate(NIKE)}, NOTHING)
    assert found == chunks({1: 1.0, 2: 0.9})
    assert {one.scores.page_rank for one in found} == {None}


def test_pages_give_way_in_the_order_that_names_made() -> None:
    found = preferred(
        {1: 0.90, 2: 0.88, 3: 0.86}, {1: candidate(NIKE, 1), 2: candidate(ADOBE, 1), 3: candidate(ADOBE, 1)}
    )
    named = [0.9 * 0.88 + 0.1, 0.9 * 0.90, 0.8 * (0.9 * 0.86 + 0.1)]
    assert placed(found) == [(2, named[0]), (1, named[1]), (3, named[2])]


def test_either_is_switched_off_by_itself() -> None:
    given_scores, where = {1: 0.9, 2: 0.85}, {1: candidate(NIKE, 1), 2: candidate(NIKE, 1)}
    assert placed(preferred(given_scores, where, same_page=1)) == [(1, 0.9), (2, 0.85)]
    where = {1: candidate(NIKE), 2: candidate(ADOBE)}
    unnamed = preferred(given_scores, where, names=0)
    assert (placed(unnamed), unnamed[1].scores.named) == ([(1, 0.9), (2, 0.85)], None)


def test_what_is_no_candidate_any_more_is_left_out_and_its_name_counts_for_nothing() -> None:
    found = preferred({1: 0.9, 2: 0.5}, {1: candidate(NIKE)})
    assert found == chunks({1: 0.9})


def test_only_as_many_as_are_wanted_come_out_and_the_best_of_all() -> None:
    found = preferred({1: 0.90, 2: 0.85}, {1: candidate(NIKE), 2: candidate(ADOBE)}, limit=1)
    assert [one.chunk_id for one in found] == [2]


@pytest.mark.parametrize("order", [RetrievalSettings(), RetrievalSettings(names=0), RetrievalSettings(same_page=1)])
def test_an_order_by_shares_of_scores_prefers_what_it_is_set_to(order: RetrievalSettings) -> None:
    assert has_preferences(order)


@pytest.mark.parametrize(
    "order",
    [
        RetrievalSettings(names=0, same_page=1),
        RetrievalSettings(fusion=Fusion.RRF),
        RetrievalSettings(mode=Mode.DENSE),
        RetrievalSettings(mode=Mode.LEXICAL),
    ],
)
def test_any_other_order_prefers_nothing(order: RetrievalSettings) -> None:
    assert not has_preferences(order)


SHARES = st.floats(0, 1)
PLACES = st.tuples(st.sampled_from([ADOBE, NIKE]), st.none() | st.integers(1, 3))


@given(
    given_chunks=st.dictionaries(st.integers(1, 30), st.tuples(SHARES, PLACES), max_size=20),
    names=SHARES, same_page=SHARES,
)  # fmt: skip
def test_scores_stay_shares_fall_and_no_chunk_is_lost(
    given_chunks: dict[int, tuple[float, tuple[UUID, int | None]]], names: float, same_page: float
) -> None:
    scores = {pk: score for pk, (score, _) in given_chunks.items()}
    candidates = {pk: candidate(*where) for pk, (_, where) in given_chunks.items()}
    found = preferred(scores, candidates, names=names, same_page=same_page)
    assert sorted(one.chunk_id for one in found) == sorted(scores)
    assert all(0 <= one.score <= 1 for one in found)
    assert [(-one.score, one.chunk_id) for one in found] == sorted((-one.score, one.chunk_id) for one in found)
