"""Who may use what, over every route, on one's own things and on another tenant's: see `benchmarks/gateway_matrix_table.py`."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from benchmarks.gateway_matrix_measured import not_in_table, pages_left_out, tried
from benchmarks.gateway_matrix_table import PAGES
from benchmarks.gateway_matrix_world import world_made
from ragsite.core.admin.base import badge

MOST_TOLD = 60


def test_every_route_is_in_the_table_and_the_table_has_no_other() -> None:
    assert not_in_table() == []


def test_a_route_that_is_in_no_table_is_told_with_what_to_do() -> None:
    route, *others = PAGES
    with patch("benchmarks.gateway_matrix_measured.PAGES", {one: PAGES[one] for one in others}):
        (told,) = not_in_table()
    assert told.startswith(repr(route))
    assert "add who may use it" in told


@pytest.mark.django_db
def test_everybody_gets_what_the_table_says_and_nobody_anything_of_another_tenant() -> None:
    trials = list(tried(world_made(), is_thorough=False))
    wrong = [str(one) for one in trials if one.is_wrong]
    assert not wrong, f"{len(wrong)} of {len(trials)}:\n" + "\n".join(wrong[:MOST_TOLD])
    assert len(trials) > 2_000


def test_a_label_that_is_first_shown_where_pages_are_left_out_is_whole_on_the_pages_after() -> None:
    with pages_left_out():
        label = badge("a state that no page shows", None)
    assert "A state that no page shows" in label
