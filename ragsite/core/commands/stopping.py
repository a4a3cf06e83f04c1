"""Commands that run until they are told to stop: SIGTERM is an end in order, and Ctrl-C an interruption."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any


def run_until_signal(work: Callable[[threading.Event], None]) -> None:
    """Work until a signal sets the event that `work` is given; it ends by itself what is under way.

    Raises:
        KeyboardInterrupt: the signal was Ctrl-C.
    """
    stop, interrupted = threading.Event(), threading.Event()

    def asked(number: int, _: Any) -> None:
        stop.set()
        if number == signal.SIGINT:
            interrupted.set()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        work(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted.is_set():
        raise KeyboardInterrupt
