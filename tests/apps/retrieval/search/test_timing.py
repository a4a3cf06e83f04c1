from __future__ import annotations

from types import SimpleNamespace

import pytest

from apps.retrieval.search import timing
from apps.retrieval.search.timing import Timings


def test_steps_are_measured_in_their_order_and_one_that_fails_too() -> None:
    timings = Timings()
    with timings.step("embed"):
        pass
    with pytest.raises(ZeroDivisionError), timings.step("search"):
        1 / 0  # noqa: B018
    assert list(timings.milliseconds) == ["embed", "search"]
    assert all(milliseconds >= 0 for milliseconds in timings.milliseconds.values())


def test_a_step_that_runs_twice_counts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    timings = Timings()
    clock = iter([3.0, 3.25, 7.0, 7.5])
    monkeypatch.setattr(timing, "time", SimpleNamespace(monotonic=lambda: next(clock), time=lambda: 0.0))
    for _ in range(2):
        with timings.step("embed"):
            pass
    assert timings.milliseconds == {"embed": 750.0}
