from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.retrieval.search.fusion import RANK_OFFSET, Hit, Leg, RankedChunk, leg_of, legs_joined, rank

CONVEX, RRF = RetrievalSettings(weight=0.5), RetrievalSettings(fusion=Fusion.RRF, weight=0.5)
WEIGHTS = st.floats(0, 1)
FUSIONS = st.sampled_from(Fusion)


def leg(scores: dict[int, float], others: dict[int, float] | None = None) -> Leg:
    hits = [Hit(chunk_id, score) for chunk_id, score in scores.items()]
    return leg_of(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id)), others or {})


def ids(ranked: tuple[RankedChunk, ...]) -> list[int]:
    return [one.chunk_id for one in ranked]


# No score is so near to 0 that half of it would be 0.
SCORES = st.floats(-1, 50, allow_nan=False).map(lambda score: round(score, 9))
LEGS = st.dictionaries(st.integers(1, 30), SCORES, max_size=12).map(leg)


def test_convex_fusion_mixes_the_shares_that_scores_have_of_the_best_of_their_leg() -> None:
    found = rank(leg({1: 0.8, 2: 0.4}, {3: 0.2}), leg({3: 10.0, 1: 5.0}), settings=RetrievalSettings(weight=0.75))
    assert [(one.chunk_id, one.score) for one in found] == [
        (1, pytest.approx(0.75 * 1 + 0.25 * 0.5)),
        (3, pytest.approx(0.75 * 0.25 + 0.25 * 1)),
        (2, pytest.approx(0.75 * 0.5)),
    ]


def test_the_scores_of_each_leg_are_given() -> None:
    first, second, third = rank(leg({1: 0.8, 2: 0.4}, {3: 0.2}), leg({3: 10.0, 1: 5.0}), settings=CONVEX)
    assert (first.scores.dense, first.scores.dense_rank, first.scores.lexical, first.scores.lexical_rank) == (
        0.8,
        1,
        5,
        2,
    )
    assert (second.scores.dense, second.scores.dense_rank, second.scores.lexical_rank) == (0.2, None, 1)
    assert (third.scores.dense_rank, third.scores.lexical, third.scores.lexical_rank) == (2, None, None)
    for place, one in enumerate((first, second, third), start=1):
        assert (one.scores.fused, one.scores.fused_rank) == (one.score, place)
        assert (one.scores.rerank, one.scores.rerank_rank) == (None, None)


def test_fusion_by_ranks_looks_at_places_only() -> None:
    dense, lexical = leg({1: 0.9, 2: 0.1, 4: 0.05}), leg({3: 99.0, 2: 98.0}, {4: 97.0})
    found = rank(dense, lexical, settings=RRF)
    assert [(one.chunk_id, one.score) for one in found] == [
        (2, pytest.approx(0.5 / (RANK_OFFSET + 2) + 0.5 / (RANK_OFFSET + 2))),
        (1, pytest.approx(0.5 / (RANK_OFFSET + 1))),
        (3, pytest.approx(0.5 / (RANK_OFFSET + 1))),
        (4, pytest.approx(0.5 / (RANK_OFFSET + 3))),
    ]


@pytest.mark.parametrize("mode", [Mode.DENSE, Mode.LEXICAL])
@given(dense=LEGS, lexical=LEGS)
def test_one_mode_alone_keeps_its_legs_order_and_scores(mode: Mode, dense: Leg, lexical: Leg) -> None:
    own = dense if mode is Mode.DENSE else lexical
    found = rank(dense, lexical, settings=RetrievalSettings(mode=mode))
    assert [(one.chunk_id, one.score) for one in found] == [(hit.chunk_id, hit.score) for hit in own.hits]
    assert {one.scores.fused for one in found} <= {None}


@given(dense=LEGS, lexical=LEGS, fusion=FUSIONS, weight=WEIGHTS)
def test_everything_that_a_leg_found_is_there_once_best_first(
    dense: Leg, lexical: Leg, fusion: Fusion, weight: float
) -> None:
    found = rank(dense, lexical, settings=RetrievalSettings(fusion=fusion, weight=weight))
    assert sorted(ids(found)) == sorted({hit.chunk_id for one in (dense, lexical) for hit in one.hits})
    assert [(-one.score, one.chunk_id) for one in found] == sorted((-one.score, one.chunk_id) for one in found)
    assert all(0 <= one.score <= 1 for one in found)


@given(dense=LEGS, lexical=LEGS, fusion=FUSIONS, weight=WEIGHTS)
def test_who_is_ahead_in_both_legs_is_ahead(dense: Leg, lexical: Leg, fusion: Fusion, weight: float) -> None:
    place = {
        pk: at
        for at, pk in enumerate(ids(rank(dense, lexical, settings=RetrievalSettings(Mode.HYBRID, fusion, weight))))
    }
    both = dense.ranks.keys() & lexical.ranks.keys()
    for one in both:
        for other in both:
            if all(leg.scores[one] > max(leg.scores[other], 0) * 1.000001 + 1e-6 for leg in (dense, lexical)):
                assert place[one] < place[other]


@given(dense=LEGS, lexical=LEGS, factor=st.floats(0.01, 100))
def test_the_scale_of_a_leg_does_not_matter(dense: Leg, lexical: Leg, factor: float) -> None:
    scaled = leg({hit.chunk_id: hit.score * factor for hit in lexical.hits})
    before = {one.chunk_id: one.score for one in rank(dense, lexical, settings=CONVEX)}
    after = {one.chunk_id: one.score for one in rank(dense, scaled, settings=CONVEX)}
    assert after == {chunk_id: pytest.approx(score) for chunk_id, score in before.items()}


@given(dense=LEGS, fusion=FUSIONS)
def test_without_words_to_go_by_the_order_is_that_of_meaning(dense: Leg, fusion: Fusion) -> None:
    order = [hit.chunk_id for hit in dense.hits if hit.score > 0]
    assert ids(rank(dense, Leg(), settings=RetrievalSettings(fusion=fusion)))[: len(order)] == order


def test_what_is_equally_good_comes_in_a_fixed_order() -> None:
    for alike in ([3, 1, 2], [2, 3, 1]):
        assert ids(rank(leg(dict.fromkeys(alike, 0.5)), Leg(), settings=CONVEX)) == [1, 2, 3]


def test_nothing_found_gives_nothing() -> None:
    for mode in Mode:
        assert rank(Leg(), Leg(), settings=RetrievalSettings(mode=mode)) == ()


def test_legs_of_different_models_are_joined_by_their_shares() -> None:
    near, far = leg({1: 0.9, 2: 0.45}, {5: 0.09}), leg({3: 0.3, 4: 0.2})
    joined = legs_joined([near, far], limit=3)
    assert [(hit.chunk_id, hit.score) for hit in joined.hits] == [(1, 1), (3, 1), (4, pytest.approx(2 / 3))]
    assert joined.scores == {1: 0.9, 2: 0.45, 3: 0.3, 4: 0.2, 5: 0.09}
    assert joined.shares[5] == pytest.approx(0.1)
    assert legs_joined([near], limit=3) is near


@pytest.mark.parametrize(
    ("fused", "scores"),
    [
        (CONVEX, {3: 1.0, 4: 0.1, 1: 0.75, 2: 0.25}),
        (RRF, {3: 1 / 61, 4: 1 / 63, 1: 0.5 / 61 + 0.5 / 62, 2: 0.5 / 62}),
    ],
)
def test_what_meaning_could_not_look_at_is_ranked_by_its_words_on_the_same_scale(
    fused: RetrievalSettings, scores: dict[int, float]
) -> None:
    meaning, words = replace(leg({1: 0.8, 2: 0.4}), is_partial=True), leg({3: 10.0, 1: 5.0, 4: 1.0})

    found = rank(meaning, words, settings=fused)

    assert {one.chunk_id: one.score for one in found} == pytest.approx(scores)
