"""What feeds a loaded model, in one of two shapes: a batch of results, or a stream of pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

import numpy as np

from apps.models.installed_model import InstalledModel
from apps.models.priority import Priority


class Engine(Protocol):
    """A model in this process. Light to make: it knows its size before `load` does the work."""

    model: InstalledModel

    def weights_bytes(self) -> int:
        """What the weights take."""
        ...

    def working_bytes(self) -> int:
        """What requests add to that, at most, while they are computed."""
        ...

    def load(self) -> None: ...
    def unload(self) -> None: ...

    def runner(self) -> Runner:
        """What feeds it, once it is loaded."""
        ...


class Runner(Protocol):
    """Feeds one loaded engine, whatever the shape of its answers. Threads may share it."""

    @property
    def engine(self) -> Engine: ...

    def stalled(self, seconds: float) -> bool:
        """Whether one step of the device has taken longer than `seconds`."""
        ...

    def close(self, *, drain: bool = True, timeout: float | None = None) -> None:
        """Take no more requests, finish those waiting (or, without `drain`, fail them) within `timeout` seconds, and end."""
        ...


class BatchRunner(Runner, Protocol):
    """Answers all of a request at once."""

    def submit(self, inputs: Sequence[Any], *, priority: Priority, deadline: float) -> Future[np.ndarray]:
        """Queue inputs; `deadline` is absolute, of `time.monotonic()`.

        The future gives float32 of shape (n, width). Cancelling it leaves out what is not computed yet.
        """
        ...


class StreamRunner(Runner, Protocol):
    """Answers piece by piece."""

    def stream(self, inputs: Any, *, priority: Priority, deadline: float) -> Iterator[Any]:
        """The pieces as they come; `deadline` is absolute, of `time.monotonic()`. Closing the iterator ends the work.

        Raises:
            DeadlineExceededError: the deadline passed; the pieces so far were given.
        """
        ...
