"""Runs on the thread that starts them: in the transaction of a test, and over when the stream begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from apps.retrieval.streaming.pool import RUNS
from apps.retrieval.streaming.run import Run
from ragsite.gateway.visits import Caller


def _start(run: Run, caller: Caller, work: Callable[[], None], *, left: Callable[[], object] = lambda: None) -> None:
    work()
    left()


@contextmanager
def runs_inline() -> Iterator[None]:
    with patch.object(RUNS, "start", _start):
        yield
