"""How long each step of a pipeline took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ragsite.core.metrics.instruments import histogram

STEPS = histogram("ragsite_step_seconds")


class Timings:
    """Milliseconds by step, in the order of the steps."""

    def __init__(self) -> None:
        self.milliseconds: dict[str, float] = {}

    def tell(self) -> dict[str, float]:
        """The milliseconds, once all is done: they are measured."""
        for name, milliseconds in self.milliseconds.items():
            STEPS.labels(name).observe(milliseconds / 1000)
        return self.milliseconds

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            took = (time.monotonic() - started) * 1000
            self.milliseconds[name] = round(self.milliseconds.get(name, 0.0) + took, 2)
