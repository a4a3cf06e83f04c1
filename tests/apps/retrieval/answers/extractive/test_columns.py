from __future__ import annotations

import pytest

from apps.retrieval.answers.extractive.columns import columns_asked, columns_named

JULY, LAST_JULY = (
    frozenset({"three", "month", "juli", "29", "2023"}),
    frozenset({"three", "month", "juli", "30", "2022"}),
)
HALF = frozenset({"six", "month", "juli", "29", "2023"})


@pytest.mark.parametrize(
    ("head", "named"),
    [
        (("", "Year / 2015", "Year / 2014"), ("", "Year / 2015", "Year / 2014")),
        (
            ("($ million)", "2022 / EBITDA", "EBIT", "2023 / EBITDA", "EBIT"),
            ("($ million)", "2022 / EBITDA", "2022 / EBIT", "2023 / EBITDA", "2023 / EBIT"),
        ),
        (
            ("", "2022 / A", "B", "Total", "2023 / A", "B", "Total"),
            ("", "2022 / A", "2022 / B", "2022 / Total", "2023 / A", "2023 / B", "2023 / Total"),
        ),
        (("", "Year / 2015", "Change"), ("", "Year / 2015", "Change")),
        ((), ()),
    ],
)
def test_a_name_over_several_columns_is_that_of_all_whose_own_come_again(
    head: tuple[str, ...], named: tuple[str, ...]
) -> None:
    assert columns_named(head) == named


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        ({"three", "month", "juli", "29", "2023"}, [0]),
        ({"2023"}, [0, 2]),
        ({"2022"}, [1]),
        ({"2022", "2023"}, [0, 1, 2]),
        ({"month", "juli"}, [0, 1, 2]),
        ({"protocol"}, [0, 1, 2]),
    ],
)
def test_columns_are_asked_for_by_what_not_all_of_them_say(asked: set[str], places: list[int]) -> None:
    assert columns_asked([JULY, LAST_JULY, HALF], frozenset(asked)) == places


def test_a_table_of_one_column_has_it_asked_for() -> None:
    assert columns_asked([frozenset({"price"})], frozenset({"bolt"})) == [0]
    assert columns_asked([], frozenset({"bolt"})) == []
