"""Keeps the embedded servers running: one that ends is started again where it was, later each time it ends soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ragsite.core.errors import RagError
from ragsite.stack.backoff import Backoff
from ragsite.stack.server import Server
from ragsite.stack.stack import Stack

_POLL_SECONDS = 0.5


@dataclass(slots=True)
class _Kept:
    """A server that runs, or with `start_at` one that waits to be started again."""

    server: Server
    backoff: Backoff = field(default_factory=Backoff)
    running_since: float = field(default_factory=time.monotonic)
    start_at: float | None = None


class Keeper:
    """Watches the servers of `stack` within the block; `tell` gets a line for each end and each new start."""

    def __init__(self, stack: Stack, *, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._tell = tell
        self._kept = [_Kept(server) for server in stack.servers]
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._keep_running, name="keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for kept in self._kept:
            kept.server.given_up.set()
        self._watch.join()

    def _keep_running(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for kept in self._kept:
                self._look_after(kept)

    def _look_after(self, kept: _Kept) -> None:
        try:
            if kept.start_at is None:
                self._notice(kept)
            elif time.monotonic() >= kept.start_at and not self._stop.is_set():
                self._start(kept)
        except RagError as error:
            wait = self._postpone(kept, lived=0.0)
            why = " ".join(error.sentence.split())
            self._tell(f"{kept.server.name} does not start: {why} It is tried again in {wait:.0f} s.")

    def _notice(self, kept: _Kept) -> None:
        if not kept.server.is_running():
            wait = self._postpone(kept, lived=time.monotonic() - kept.running_since)
            self._tell(f"{kept.server.name} ended ({kept.server.how_it_ended()}); it starts again in {wait:.0f} s")

    def _start(self, kept: _Kept) -> None:
        self._stack.start_again(kept.server)
        kept.start_at, kept.running_since = None, time.monotonic()
        self._tell(f"{kept.server.name} runs again at {kept.server.address}")

    def _postpone(self, kept: _Kept, *, lived: float) -> float:
        wait = kept.backoff.after(lived=lived)
        kept.start_at = time.monotonic() + wait
        return wait
