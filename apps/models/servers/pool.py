"""Which of several servers of one model is asked: of those that are well the one that has the least to do for this process.

What is known of servers is this process's alone, and forgotten with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from apps.models.errors import DeadlineExceededError
from apps.models.servers.errors import ModelServerBusyError
from ragsite.core.errors import ModelUnavailableError, RagError

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

REST_SECONDS = 5.0
MOST_REST_SECONDS = 60.0
FAILURES = (ModelUnavailableError, DeadlineExceededError)
"""Errors that say something about the server; others are the caller's, and another server would say the same."""


@dataclass(slots=True)
class _Server:
    url: str
    asked: int = 0
    """Calls under way."""
    turns: int = 0
    """Calls so far, so that idle servers take turns."""
    failures: int = 0
    """In a row."""
    rests_until: float | None = None
    probing: bool = False


class ServerPool:
    """The servers of one model. One that failed is left alone for a while, each time longer; then it is looked at once."""

    def __init__(
        self, urls: Sequence[str], *, probe: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`probe` raises one of FAILURES where the server is still not well."""
        self._servers = [_Server(url) for url in urls]
        self._probe = probe
        self._clock = clock
        self._lock = threading.Lock()

    def ask(self, ask: Callable[[str], AbstractContextManager[Answer]], stack: ExitStack) -> Answer:
        """What the first server answers that does, entered in `stack`; it counts as asked until the stack is left.

        Raises:
            ModelUnavailableError, DeadlineExceededError: none did; the error of the last.
            PermanentError: of the first, as the others would say the same.
        """
        tried: set[str] = set()
        while True:
            server = self._choose(tried)
            tried.add(server.url)
            try:
                return self._ask(server, ask, stack)
            except FAILURES as error:
                self._failed(server, error)
                if len(tried) == len(self._servers):
                    raise

    def _ask(self, server: _Server, ask: Callable[[str], AbstractContextManager[Answer]], stack: ExitStack) -> Answer:
        with ExitStack() as attempt:
            attempt.enter_context(self._counted(server))
            answer = attempt.enter_context(ask(server.url))
            self._answered(server)
            stack.enter_context(attempt.pop_all())
            return answer

    def _choose(self, tried: Collection[str]) -> _Server:
        """Of those that are well the one with the least to do; of none but resting ones, the one that rests the least longer."""
        self._look(tried)
        with self._lock:
            left = [one for one in self._servers if one.url not in tried]
            well = [one for one in left if one.rests_until is None]
            chosen = min(well, key=lambda one: (one.asked, one.turns), default=None)
            return chosen or min(left, key=lambda one: one.rests_until or 0.0)

    def _look(self, tried: Collection[str]) -> None:
        """Probe a server whose rest is over, so that no caller's own request is the probe, where there are others to ask."""
        server = self._due(tried)
        if server is None:
            return
        try:
            self._probe(server.url)
        except FAILURES as error:
            self._failed(server, error)
        except RagError:
            self._answered(server)
        else:
            self._answered(server)
        finally:
            server.probing = False

    def _due(self, tried: Collection[str]) -> _Server | None:
        with self._lock:
            left = [one for one in self._servers if one.url not in tried]
            now = self._clock()
            due = [one for one in left if one.rests_until is not None and one.rests_until <= now and not one.probing]
            if len(left) == 1 or not due:
                return None
            due[0].probing = True
            return due[0]

    @contextmanager
    def _counted(self, server: _Server) -> Iterator[None]:
        with self._lock:
            server.asked += 1
            server.turns += 1
        try:
            yield
        finally:
            with self._lock:
                server.asked -= 1

    def _answered(self, server: _Server) -> None:
        with self._lock:
            server.failures, server.rests_until = 0, None

    def _failed(self, server: _Server, error: RagError) -> None:
        with self._lock:
            server.failures += 1
            seconds = min(REST_SECONDS * 2 ** min(server.failures - 1, 10), MOST_REST_SECONDS)
            if isinstance(error, ModelServerBusyError):
                # It is well, and says itself when to come again.
                server.failures, seconds = 0, error.retry_after or seconds
            server.rests_until = self._clock() + seconds
        logger.warning("the model server %s is left alone for %.0f s: %s", server.url, seconds, error.message)
