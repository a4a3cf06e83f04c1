"""What a process does for limits beside its requests: it writes what is used, and says that it still holds its places."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error as DatabaseFailure
from django.db import connection

from ragsite.gateway.limits.limiter import Limiter
from ragsite.gateway.limits.quotas import WRITTEN_SECONDS

logger = logging.getLogger(__name__)


class Places:
    """The places of this process's streams, by the keys of their buckets and their names."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[tuple[str, str]] = set()

    @contextmanager
    def held(self, keys: Sequence[str], name: str) -> Iterator[None]:
        """They are held for the block."""
        places = {(key, name) for key in keys}
        with self._lock:
            self._held |= places
        try:
            yield
        finally:
            with self._lock:
                self._held -= places

    def all(self) -> list[tuple[str, str]]:
        with self._lock:
            return sorted(self._held)


PLACES = Places()
"""Of this process."""


class Keeper:
    """A thread of the web process, from the first request that is limited on."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._lock = threading.Lock()
        self._is_begun = False

    def begin(self) -> None:
        """Be there, if it is not yet."""
        with self._lock:
            if self._is_begun:
                return
            self._is_begun = True
        threading.Thread(target=self._run, name="limits", daemon=True).start()
        # What was taken in the last seconds is written, too, where the process ends in peace.
        atexit.register(self.beat)

    def beat(self) -> None:
        """Do all of it once. What can't be written is kept for the next time."""
        try:
            self._limiter.places_hold(PLACES.all())
            self._limiter.beat()
        except DatabaseFailure:
            logger.warning("what is used of quotas can't be written now, and is kept", exc_info=True)
        finally:
            connection.close()

    def _run(self) -> None:
        pause = threading.Event()
        self.beat()
        while not pause.wait(WRITTEN_SECONDS):
            self.beat()
