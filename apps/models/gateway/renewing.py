"""Says of the channels that this process reads that it is there, so that those of a process that was killed are soon gone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
RENEW_SECONDS = 1.0


class Renewal:
    """One thread for all channels of a process, while there are any. Apart from who reads: that may wait for a slow client."""

    def __init__(self, renew: Callable[[Collection[str]], object]) -> None:
        self._renew = renew
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        """Renew the channel of that key while the block runs."""
        with self._lock:
            self._keys.add(key)
            # A process that was forked has the object, and no thread.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="channels", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(key)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(RENEW_SECONDS):
            with self._lock:
                if not self._keys:
                    self._thread = None
                    return
                keys = list(self._keys)
            try:
                self._renew(keys)
            except RedisError:
                logger.warning("Redis does not answer; %d channels are not renewed", len(keys), exc_info=True)
