"""Waiting for a condition, with a deadline, instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T], *, seconds: float, what: str, every: float = 0.05) -> T:
    """The condition's first true value.

    Raises:
        AssertionError: it was still not true after `seconds`.
    """
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        pause.wait(every)
    return value
