"""How long each step of a pipeline took, and when."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ragsite.core.metrics.instruments import histogram
from ragsite.core.timelines import Mark, MarkKind, marks_kept
from ragsite.core.tracing.spans import part

STEPS = histogram("ragsite_step_seconds")


class Timings:
    """Milliseconds by step, in the order of the steps."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}
        self._steps: dict[str, Mark] = {}
        self._within: list[Mark] = []

    @property
    def marks(self) -> tuple[Mark, ...]:
        """When each step was taken, from its first beginning to its last end, and what was marked within."""
        return (*self._steps.values(), *self._within)

    def tell(self) -> dict[str, float]:
        """The milliseconds, once all is done: they are measured."""
        for name, milliseconds in self.milliseconds.items():
            STEPS.labels(name).observe(milliseconds / 1000)
        return self.milliseconds

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """The block is the step, which is part of the trace at hand."""
        with part(name), self.piece(name):
            yield

    @contextlib.contextmanager
    def piece(self, name: str) -> Iterator[None]:
        """As `step`, of one that is done in very many pieces: a span each would be a trace of nothing else."""
        begun, started = time.time(), time.monotonic()
        try:
            with marks_kept(self._within):
                yield
        finally:
            took = (time.monotonic() - started) * 1000
            self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + took, 2)
            mark = Mark(name, MarkKind.STEP, begun, took)
            self._steps[name] = self._steps[name].with_more(mark) if name in self._steps else mark
