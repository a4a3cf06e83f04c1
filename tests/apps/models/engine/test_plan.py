from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.models.engine.plan import WINDOW, batch_with_first, batches, window_of

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)
BUDGETS = st.integers(1, 3000)


def tokens(lengths: list[int], rows: list[int], *, packed: bool) -> int:
    chosen = [lengths[row] for row in rows]
    return sum(chosen) if packed else len(chosen) * max(chosen)


@given(LENGTHS, BUDGETS, st.booleans())
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], budget: int, packed: bool) -> None:
    found = batches(lengths, budget=budget, packed=packed)

    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))
    assert all(tokens(lengths, rows, packed=packed) <= budget or len(rows) == 1 for rows in found)


@given(LENGTHS, BUDGETS)
def test_a_padded_batch_holds_the_first_and_rows_of_neighbouring_length(lengths: list[int], budget: int) -> None:
    rows = batch_with_first(lengths, budget=budget, packed=False)

    assert 0 in rows
    assert len(set(rows)) == len(rows)
    assert tokens(lengths, rows, packed=False) <= budget or rows == [0]
    shortest, longest = min(lengths[row] for row in rows), max(lengths[row] for row in rows)
    left_out = [length for row, length in enumerate(lengths) if row not in rows]
    assert not any(shortest < length < longest for length in left_out)


@given(LENGTHS, BUDGETS)
def test_a_packed_batch_holds_the_first_ones_and_leaves_no_room_for_another(lengths: list[int], budget: int) -> None:
    rows = batch_with_first(lengths, budget=budget, packed=True)

    assert rows[0] == 0
    assert len(set(rows)) == len(rows)
    assert sum(lengths[row] for row in rows) <= budget or rows == [0]
    left_out = [length for row, length in enumerate(lengths) if row not in rows]
    assert not any(tokens(lengths, rows, packed=True) + length <= budget for length in left_out)


def test_short_rows_do_not_pay_for_a_long_one() -> None:
    assert batches([10, 200, 10, 10], budget=200, packed=False) == [[1], [0, 2, 3]]


def test_the_first_takes_the_nearest_first() -> None:
    assert sorted(batch_with_first([100, 98, 40, 101], budget=303, packed=False)) == [0, 1, 3]


def test_packed_rows_are_taken_in_turn_and_the_rest_is_filled_with_the_longest_that_fits() -> None:
    assert batch_with_first([100, 90, 80, 20, 50, 30], budget=245, packed=True) == [0, 1, 4]


@pytest.mark.parametrize("packed", [True, False])
def test_more_rows_than_are_looked_at_at_once_are_all_planned(packed: bool) -> None:
    lengths = [1 + row % 7 for row in range(2 * WINDOW + 5)]

    found = batches(lengths, budget=20, packed=packed)

    assert sorted(row for rows in found for row in rows) == list(range(len(lengths)))


def test_a_large_batch_is_filled_with_short_rows() -> None:
    assert len(batch_with_first([32] * window_of(65_536), budget=65_536, packed=True)) == 2_048
    assert window_of(2_048) == WINDOW
    assert [len(rows) for rows in batches([32] * 2_049, budget=65_536, packed=True)] == [2_048, 1]
