"""Pieces of one answer on their way from a model worker to whoever asked, through a Redis stream.

The reader makes the stream and removes it, so that its being there says that somebody reads. It expires unless the reader's
process says every second that it is there: of one that was killed nothing is left for long, and nobody goes on writing to it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Self, cast
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.models.gateway.renewing import Renewal
from ragsite.core.configuration import ServerSettings

logger = logging.getLogger(__name__)

PREFIX = "rag:stream:"
SOCKET_SECONDS = 1.0
BLOCK_SECONDS = 0.4
"""Less than what a socket waits for: a Redis that is frozen is told from one that has nothing."""

GONE_SECONDS = 5
"""After so long without a word from its reader's process a channel is nobody's."""

MOST_UNREAD = 2_000
"""Pieces; a reader that leaves so many lie has stopped reading."""


class Channel:
    """One end or the other; both know the key."""

    def __init__(self, key: str, *, client: redis.Redis) -> None:
        self.key = key
        self._client = client
        self._last = "0-0"
        self.line: str | None = None
        """At the reader's end, once the writer has told it: the line of its process. One of an older version tells none."""

    @classmethod
    def named(cls, key: str) -> Self:
        """The writer's end."""
        return cls(key, client=redis_client())

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """The reader's end, which is there until the block is left.

        Raises:
            RedisError: Redis does not answer.
        """
        made = cls.named(f"{PREFIX}{uuid4().hex}")
        made._open()
        try:
            with _renewal.of(made.key):
                yield made
        finally:
            # What can't be removed now expires.
            with suppress(RedisError):
                made._client.delete(made.key)

    def take_up(self, line: str | None) -> bool:
        """Say before the first piece who writes, by the name of the process's line; False if nobody reads any more.

        Raises:
            RedisError: Redis does not answer.
        """
        return line is None or self._add("line", line)

    def put(self, piece: dict[str, Any]) -> bool:
        """Append a piece; False if nobody reads any more.

        Raises:
            RedisError: Redis does not answer.
        """
        if not self._add("piece", json.dumps(piece)):
            return False
        if int(cast(int, self._client.xlen(self.key))) > MOST_UNREAD:
            logger.warning("the reader of %s leaves %d pieces unread; it is given up", self.key, MOST_UNREAD)
            self._client.delete(self.key)
            return False
        return True

    def read(self, *, seconds: float) -> list[dict[str, Any]]:
        """The pieces that have come since the last time, in order; waits for the first of them at most so long.

        Raises:
            RedisError: Redis does not answer.
        """
        waits = max(1, int(min(seconds, BLOCK_SECONDS) * 1000))
        found = cast(list[Any], self._client.xread({self.key: self._last}, block=waits) or [])
        entries = [entry for _, entries in found for entry in entries]
        if not entries:
            return []
        self._last = entries[-1][0]
        # What was read is removed, so that what is left is unread.
        self._client.xtrim(self.key, minid=_after(self._last), approximate=False)
        self.line = next((fields["line"] for _, fields in entries if "line" in fields), self.line)
        return [json.loads(fields["piece"]) for _, fields in entries if "piece" in fields]

    def _add(self, name: str, value: str) -> bool:
        return self._client.xadd(self.key, {name: value}, nomkstream=True) is not None

    def _open(self) -> None:
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.xadd(self.key, {"open": "1"})
            pipeline.expire(self.key, GONE_SECONDS)
            pipeline.execute()


def _after(entry: str) -> str:
    """The smallest id behind this one."""
    moment, number = entry.split("-")
    return f"{moment}-{int(number) + 1}"


def redis_client() -> redis.Redis:
    """Connections that fail soon and once: a person waits."""
    return _client(ServerSettings.current().redis_url)


@lru_cache(2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=10,
    )


def _renew(keys: Collection[str]) -> None:
    """Let channels stay. One that was given up, or has expired, does not come back."""
    with redis_client().pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.expire(key, GONE_SECONDS)
        pipeline.execute()


_renewal = Renewal(_renew)
