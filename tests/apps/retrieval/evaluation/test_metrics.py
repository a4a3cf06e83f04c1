from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.evaluation.metrics import (
    average_precision,
    means,
    measure,
    ndcg,
    percentile,
    recall,
    reciprocal_rank,
)
from apps.retrieval.evaluation.significance import randomisation_p

KEYS = [f"d{number}" for number in range(12)]
rankings = st.lists(st.sampled_from(KEYS), unique=True)
judged = st.dictionaries(st.sampled_from(KEYS), st.integers(1, 4), min_size=1)


def test_ndcg_is_what_the_formula_gives_by_hand() -> None:
    # Gains 3, 0, 2 at ranks 1 to 3; the ideal order is 3, 2, 1.
    found = 3 / 1 + 2 / 2
    best = 3 / 1 + 2 / math.log2(3) + 1 / 2
    assert ndcg(["a", "x", "b"], {"a": 3, "b": 2, "c": 1}, k=10) == pytest.approx(found / best)
    assert found / best == pytest.approx(0.840, abs=0.0005)


def test_ndcg_cuts_the_ideal_order_too() -> None:
    assert ndcg(["a", "b"], {"a": 1, "b": 1, "c": 1}, k=2) == 1.0
    assert ndcg(["x", "a"], {"a": 1, "b": 1}, k=1) == 0.0


def test_recall_precision_and_rank_are_what_they_are_by_hand() -> None:
    ranking, relevant = ["x", "a", "y", "b"], {"a": 1, "b": 2, "c": 1, "d": 1}
    assert recall(ranking, relevant, k=3) == 1 / 4
    assert recall(ranking, relevant, k=4) == 2 / 4
    assert reciprocal_rank(ranking, relevant) == 1 / 2
    assert average_precision(ranking, relevant) == pytest.approx((1 / 2 + 2 / 4) / 4)


@pytest.mark.parametrize("ranking", [[], ["x", "y"]], ids=["nothing found", "nothing relevant found"])
def test_without_a_hit_every_figure_is_0(ranking: list[str]) -> None:
    assert set(measure(ranking, {"a": 2}, k=10, depth=100).values()) == {0.0}


@given(judged)
def test_the_ideal_order_has_every_figure_1(relevant: dict[str, int]) -> None:
    ideal = sorted(relevant, key=lambda key: -relevant[key])
    assert measure(ideal, relevant, k=12, depth=100) == pytest.approx(
        {"ndcg@12": 1, "recall@12": 1, "recall@100": 1, "mrr": 1, "map": 1}
    )


@given(rankings, judged, st.integers(1, 12))
def test_every_figure_lies_between_0_and_1(ranking: list[str], relevant: dict[str, int], k: int) -> None:
    assert all(0 <= value <= 1 + 1e-9 for value in measure(ranking, relevant, k=k, depth=20).values())


@given(rankings, judged, st.data())
def test_moving_a_relevant_document_up_never_lowers_a_figure(
    ranking: list[str], relevant: dict[str, int], data: st.DataObject
) -> None:
    places = [
        place for place, key in enumerate(ranking) if place and key in relevant and ranking[place - 1] not in relevant
    ]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    better = [*ranking]
    better[place - 1 : place + 1] = [ranking[place], ranking[place - 1]]
    before, after = (measure(one, relevant, k=5, depth=20) for one in (ranking, better))
    assert all(after[name] >= before[name] - 1e-12 for name in before)


@given(rankings, judged)
def test_what_is_past_the_cut_does_not_count(ranking: list[str], relevant: dict[str, int]) -> None:
    assert ndcg(ranking, relevant, k=3) == ndcg(ranking[:3], relevant, k=3)
    assert recall(ranking, relevant, k=3) == recall(ranking[:3], relevant, k=3)


def test_the_mean_counts_every_question_alike_and_none_is_none() -> None:
    assert means([{"map": 1.0}, {"map": 0.0}, {"map": 0.5}]) == {"map": 0.5}
    assert means([]) == {}


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert [percentile([4, 1, 3, 2], share) for share in (0.25, 0.5, 0.95)] == [1, 2, 4]
    assert percentile([], 0.5) == 0


def test_runs_that_do_not_differ_have_p_1() -> None:
    assert randomisation_p([]) == randomisation_p([0.0, 0.0]) == 1.0


def test_few_pairs_are_counted_exactly() -> None:
    differences = [0.5, 0.2, 0.1, -0.1]
    outcomes = [
        abs(sum(sign * one for sign, one in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=4)
    ]
    expected = sum(outcome >= 0.7 - 1e-12 for outcome in outcomes) / 16
    assert randomisation_p(differences) == expected
    assert randomisation_p([1.0] * 5) == 2 / 32, "all of one sign: only the two extremes are as far"


def test_many_pairs_are_drawn_and_the_same_each_time() -> None:
    clear, none = [0.3, 0.1, 0.2, 0.4, -0.05] * 20, [0.3, -0.3] * 40
    assert randomisation_p(clear) < 0.001
    assert randomisation_p(none) > 0.9
    assert randomisation_p(clear) == randomisation_p(clear)


@given(st.lists(st.floats(-1, 1, allow_nan=False), max_size=30))
def test_p_is_a_probability_and_knows_no_side(differences: list[float]) -> None:
    p = randomisation_p(differences)
    assert 0 < p <= 1
    assert randomisation_p([-one for one in differences]) == pytest.approx(p)
