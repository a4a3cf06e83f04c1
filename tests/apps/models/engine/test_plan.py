from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.models.engine.plan import batch_around, batches_by_length

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=60)
BUDGETS = st.integers(1, 3000)


def padded(lengths: list[int], rows: list[int]) -> int:
    return len(rows) * max(lengths[row] for row in rows)


@given(LENGTHS, BUDGETS)
def test_every_row_is_in_one_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = batches_by_length(lengths, budget=budget)

    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    assert all(padded(lengths, rows) <= budget or len(rows) == 1 for rows in batches)


@given(LENGTHS, BUDGETS, st.data())
def test_a_batch_holds_its_anchor_and_rows_of_neighbouring_length(
    lengths: list[int], budget: int, data: st.DataObject
) -> None:
    anchor = data.draw(st.integers(0, len(lengths) - 1))

    rows = batch_around(anchor, lengths, budget=budget)

    assert anchor in rows
    assert len(set(rows)) == len(rows)
    assert padded(lengths, rows) <= budget or rows == [anchor]
    shortest, longest = min(lengths[row] for row in rows), max(lengths[row] for row in rows)
    left_out = [length for row, length in enumerate(lengths) if row not in rows]
    assert not any(shortest < length < longest for length in left_out)


def test_short_rows_do_not_pay_for_a_long_one() -> None:
    assert batches_by_length([10, 200, 10, 10], budget=200) == [[1], [0, 2, 3]]


def test_the_anchor_takes_the_nearest_first() -> None:
    assert sorted(batch_around(0, [100, 98, 40, 101], budget=303)) == [0, 1, 3]
