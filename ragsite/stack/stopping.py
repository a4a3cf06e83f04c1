"""Being asked to stop: Ctrl-C, SIGTERM or a closed terminal ends a command through its own clean-up, and only once.

The first signal is raised as `Stopped` where the main thread is, so that whatever it has started is stopped on the way out.
While something is stopped no signal is raised: the next one hastens it. Outside of `stoppable` signals are the caller's.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FATAL_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""Without the one that Python raises by itself, and that an interactive command may get any number of times."""


class Stopped(KeyboardInterrupt):
    """Somebody asked for the end. Whoever catches it leaves with `exit_code`, as a shell does."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


class _Stop:
    """What the handler knows. `armed`: a signal is to be raised; `held`: but not yet; `hurry`: one came while stopping."""

    def __init__(self) -> None:
        self.armed = False
        self.held = 0
        self.pending: int | None = None
        self.hurry = threading.Event()

    def begin(self) -> None:
        """Wait for the first signal."""
        self.armed, self.pending = True, None
        self.hurry.clear()

    def handle(self, number: int, _: FrameType | None) -> None:
        if not self.armed:
            self.hurry.set()
        elif self.held:
            self.pending = number
        else:
            self._raise(number)

    def release(self) -> None:
        """End a hold, and raise what arrived during it."""
        self.held -= 1
        if self.pending is not None and not self.held and self.armed:
            self._raise(self.pending)

    def _raise(self, number: int) -> None:
        self.armed, self.pending = False, None
        raise Stopped(number)


_stop = _Stop()


@contextmanager
def stoppable(signals: Collection[signal.Signals] = SIGNALS) -> Iterator[None]:
    """Raise `Stopped` in the block at the first signal. SIGHUP that is ignored stays so, as nohup means it."""
    before = {number: signal.getsignal(number) for number in signals}
    _stop.begin()
    try:
        for number, handler in before.items():
            if (number, handler) != (signal.SIGHUP, signal.SIG_IGN):
                signal.signal(number, _stop.handle)
        yield
    finally:
        _stop.armed = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Put a signal off to the end of the block: for the moment between a process's start and the note that it runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _stop.held += 1
    try:
        yield
    except BaseException:
        _stop.held -= 1
        raise
    _stop.release()


def stopping_begins() -> None:
    """From here on a signal is not raised any more: what it asks for is under way."""
    _stop.armed = False


def is_hurried() -> bool:
    """Whether a signal came while things were being stopped: somebody does not want to wait."""
    return _stop.hurry.is_set()
