from __future__ import annotations

import pytest

from apps.retrieval.search.timing import Timings


def test_steps_are_measured_in_their_order_and_one_that_fails_too() -> None:
    timings = Timings()
    with timings.step("embed"):
        pass
    with pytest.raises(ZeroDivisionError), timings.step("search"):
        1 / 0  # noqa: B018
    assert list(timings.milliseconds) == ["embed", "search"]
    assert all(milliseconds >= 0 for milliseconds in timings.milliseconds.values())


def test_a_step_that_runs_twice_counts_together() -> None:
    timings = Timings()
    timings.milliseconds["embed"] = 1000.0
    with timings.step("embed"):
        pass
    assert 1000.0 <= timings.milliseconds["embed"] < 2000.0
