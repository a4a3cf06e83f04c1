from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.documents.lifecycle.rows import portions

SIZES = st.lists(st.integers(0, 20), max_size=12)


def divided(sizes: list[int], *, most: int) -> tuple[list[int], int | None, list[int]]:
    found = portions(list(range(len(sizes))), size=lambda place: sizes[place], most=most)
    return list(found.small), found.large, list(found.rest)


def test_the_small_ones_go_together_then_the_first_of_the_others() -> None:
    assert divided([9, 2, 8, 3, 9], most=6) == ([1, 3], 0, [2, 4])


def test_one_that_is_too_large_for_company_is_alone() -> None:
    assert divided([50], most=6) == ([], 0, [])


def test_nothing_makes_no_portion() -> None:
    found = portions([], size=len, most=6)
    assert list(found) == []


@given(SIZES, st.integers(0, 40))
def test_each_is_in_one_portion_and_the_first_is_never_left_out(sizes: list[int], most: int) -> None:
    small, large, rest = divided(sizes, most=most)
    assert sorted([*small, *rest, *([] if large is None else [large])]) == list(range(len(sizes)))
    assert sum(sizes[place] for place in small) <= most
    assert not sizes or 0 not in rest, "the first in the line would wait for ever"
    assert all(
        sizes[place] <= sizes[other] for place in small for other in [*rest, *([] if large is None else [large])]
    )
