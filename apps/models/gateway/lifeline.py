"""Whether a process is still there: it holds a line to Redis, and whoever knows the line's name can see whether anybody does.

The line is a subscription on which nothing is ever said. The system cuts it when the process ends, however that comes about, and
not while the process is frozen, starved or busy: so it needs no beat that may be late.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import lru_cache
from typing import Any, cast
from uuid import uuid4

import redis
from redis.exceptions import RedisError, ResponseError

from apps.models.gateway.channel import redis_client
from ragsite.core.errors import ModelUnavailableError

logger = logging.getLogger(__name__)
PREFIX = "rag:line:"
GRANTED_SECONDS = 1.0
"""So long the first who asks for the name waits until the line is held."""

LISTEN_SECONDS = 5.0
AGAIN_SECONDS = 0.2
REFUSED_SECONDS = 60.0
CUT_SECONDS = 1.0
"""A line that broke and not its process is held again within less."""


class Lifeline:
    """The line of this process to one Redis: a thread and a connection, from the first use on, for all that it takes up."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._held = threading.Event()
        self._name = ""

    def name(self) -> str | None:
        """By which others look for it; None while it is not held, as where Redis lets nobody subscribe."""
        with self._lock:
            is_held = self._held.wait(GRANTED_SECONDS) if self._begin() else self._held.is_set()
            return self._name if is_held else None

    def _begin(self) -> bool:
        """Whether the thread had to be started. A process that was forked has the object, and neither thread nor line."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._held, self._name = threading.Event(), f"{PREFIX}{uuid4().hex}"
        # A daemon, as it is to be there until the last text of a worker that ends is written.
        self._thread = threading.Thread(target=self._hold, name="lifeline", daemon=True)
        self._thread.start()
        return True

    def _hold(self) -> None:
        pause = threading.Event()
        while True:
            try:
                self._listen()
            except ResponseError:
                logger.warning("Redis refuses a subscription; nobody sees whether this process lives", exc_info=True)
                self._held.clear()
                pause.wait(REFUSED_SECONDS)
            except RedisError as error:
                if self._held.is_set():
                    logger.info("the line to Redis broke, and is laid again: %s", error)
                self._held.clear()
                pause.wait(AGAIN_SECONDS)

    def _listen(self) -> None:
        """Hold the line until it breaks."""
        with cast(Any, self._client).pubsub() as line:
            line.subscribe(self._name)
            while True:
                if line.get_message(timeout=LISTEN_SECONDS) is not None:
                    self._held.set()


class Watch:
    """Looks after one process while nothing is heard of its work."""

    def __init__(self) -> None:
        self._cut_at: float | None = None

    def check(self, line: str | None) -> None:
        """Look whether the line of that name is held. A process of which none is known is not taken for gone.

        Raises:
            ModelUnavailableError: (code `worker_lost`) it was not held at this and each look before for a second.
            RedisError: Redis does not answer.
        """
        now = time.monotonic()
        if line is None or _is_held(line):
            self._cut_at = None
        elif self._cut_at is None:
            self._cut_at = now
        elif now - self._cut_at >= CUT_SECONDS:
            raise ModelUnavailableError(
                "The model worker that was at it is gone.",
                code="worker_lost",
                action="Try again; see the model worker's log.",
                retry_after=1.0,
            )


def lifeline_name() -> str | None:
    """The name of this process's line, if it holds one."""
    return _lifeline(redis_client()).name()


@lru_cache(2)
def _lifeline(client: redis.Redis) -> Lifeline:
    return Lifeline(client)


def _is_held(line: str) -> bool:
    try:
        ((_, holders),) = cast(Any, redis_client().pubsub_numsub(line))
    except ResponseError:
        # It may be forbidden; then nothing is known.
        return True
    return int(holders) > 0
