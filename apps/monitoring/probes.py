"""Parts are tried side by side, each within a time limit, so that one that hangs keeps nobody from learning of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass

from django.db import connection, connections


@dataclass(frozen=True, slots=True)
class Tried:
    """What was said of a part, and how long that took."""

    sentence: str
    milliseconds: float


class Probes:
    """Tries parts by their names. One that hangs is tried by one thread, however often it is asked for."""

    def __init__(self, probe: Callable[[str], str], *, late: Callable[[str], str], seconds: float) -> None:
        """`late` is what is said of a part that did not answer within `seconds`."""
        self._probe, self._late, self._seconds = probe, late, seconds
        self._running: dict[str, Future[Tried]] = {}
        self._lock = threading.Lock()

    def tried(self, names: Iterable[str]) -> dict[str, Tried]:
        """Of each part what is said of it, within the time limit."""
        if connection.in_atomic_block:  # What this transaction has written no other connection would see.
            return {name: self._timed(name) for name in names}
        until = time.monotonic() + self._seconds
        running = {name: self._begin(name) for name in names}
        return {name: self._result(name, future, until) for name, future in running.items()}

    def _begin(self, name: str) -> Future[Tried]:
        """The trial that is under way, or a new one."""
        with self._lock:
            found = self._running.get(name)
            if found is None or found.done():
                found = self._running[name] = Future()
                # A daemon: a process that ends does not wait for a part that hangs.
                threading.Thread(target=self._apart, args=(name, found), name=f"health {name}", daemon=True).start()
            return found

    def _result(self, name: str, future: Future[Tried], until: float) -> Tried:
        try:
            return future.result(timeout=max(0.0, until - time.monotonic()))
        except LateError:
            return Tried(self._late(name), 1000 * self._seconds)

    def _apart(self, name: str, told: Future[Tried]) -> None:
        try:
            told.set_result(self._timed(name))
        except Exception as error:  # noqa: BLE001 - who asked raises it
            told.set_exception(error)
        finally:
            connections.close_all()

    def _timed(self, name: str) -> Tried:
        begun = time.perf_counter()
        sentence = self._probe(name)
        return Tried(sentence, 1000 * (time.perf_counter() - begun))
