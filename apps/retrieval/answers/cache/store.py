"""Where answers are kept: in this process, within a number of bytes, and in Redis for all processes.

Neither is a record. A Redis that fails or is slow is asked no more for a while, as if there were none.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from ragsite.core.configuration import AnswerCacheSettings, ServerSettings
from ragsite.core.errors import TransientError
from ragsite.core.metrics.instruments import counter

logger = logging.getLogger(__name__)

LARGEST_BYTES = 512 * 1024
"""Of an answer with its passages; a larger one is not kept."""

FORGOTTEN_TOGETHER = 50
REDIS_SECONDS = 0.15
PAUSE_SECONDS = 5.0
"""For which a Redis that did not answer in time is not asked."""

LOOKUPS = counter("ragsite_answer_cache_total")


class ProcessLevel:
    """The values used last, within the bytes that there are for them."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: str, value: bytes, *, most: int) -> None:
        """Keep it, and let go what was used least recently, until all takes no more than `most` bytes."""
        with self._lock:
            self._bytes += len(value) - len(self._values.pop(key, b""))
            self._values[key] = value
            while self._bytes > most:
                self._bytes -= len(self._values.popitem(last=False)[1])

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._bytes = 0


class RedisLevel:
    """What other processes kept."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        if not self._is_asked():
            return [None] * len(keys)
        try:
            return cast("list[bytes | None]", self._client().mget([_name(key) for key in keys]))
        except RedisError as error:
            self._pause(error)
            return [None] * len(keys)

    def put(self, key: str, value: bytes, *, seconds: int) -> None:
        if not self._is_asked():
            return
        try:
            self._client().set(_name(key), value, ex=seconds)
        except RedisError as error:
            self._pause(error)

    def count(self, key: str, counts: Mapping[str, int], *, seconds: int) -> None:
        """Add to the counts of that name, which are kept for so long after the last one."""
        if not self._is_asked():
            return
        pipeline = self._client().pipeline(transaction=False)
        for field, number in counts.items():
            pipeline.hincrby(_name(key), field, number)
        pipeline.expire(_name(key), seconds)
        try:
            pipeline.execute()
        except RedisError as error:
            self._pause(error)

    def counts(self, keys: Sequence[str], fields: Sequence[str]) -> list[list[int]]:
        """The counts of these fields by each of the names, 0 where there is none."""
        nothing = [[0] * len(fields) for _ in keys]
        if not self._is_asked():
            return nothing
        pipeline = self._client().pipeline(transaction=False)
        for key in keys:
            pipeline.hmget(_name(key), list(fields))
        try:
            return [[int(count or 0) for count in row] for row in pipeline.execute()]
        except RedisError as error:
            self._pause(error)
            return nothing

    def _is_asked(self) -> bool:
        return time.monotonic() >= self._not_before

    def _pause(self, error: RedisError) -> None:
        self._not_before = time.monotonic() + PAUSE_SECONDS
        logger.warning("Redis does not answer (%s); answers are kept in this process alone for a while", error)

    def _client(self) -> redis.Redis:
        return _client(ServerSettings.current().redis_url)


PROCESS = ProcessLevel()
REDIS = RedisLevel()


def values_get(keys: Sequence[str]) -> list[tuple[bytes, str] | None]:
    """What is kept under each key, and at which level it was. Redis is asked once, if the first is not in this process."""
    near = [PROCESS.get(key) for key in keys]
    if near[0] is not None:
        return [(value, "process") if value is not None else None for value in near]
    far = REDIS.get(keys)
    found: list[tuple[bytes, str] | None] = []
    for key, here, there in zip(keys, near, far, strict=True):
        if here is None and there is not None:
            PROCESS.put(key, there, most=AnswerCacheSettings.current().process_bytes)
        level = "process" if here is not None else "redis"
        value = here if here is not None else there
        found.append((value, level) if value is not None else None)
    return found


def value_put(key: str, value: bytes, *, seconds: int) -> None:
    """Keep it at both levels, if it is not too large."""
    if seconds and len(value) <= LARGEST_BYTES:
        PROCESS.put(key, value, most=AnswerCacheSettings.current().process_bytes)
        REDIS.put(key, value, seconds=seconds)


def kept_forget(said: str) -> int:
    """Let go all kept answers in which these words stand, such as an id; how many there were in Redis.

    Raises:
        TransientError: Redis does not answer.
    """
    wanted, gone = said.encode(), 0
    PROCESS.clear()
    client = _client(ServerSettings.current().redis_url)
    try:
        for keys in _in_batches(client.scan_iter(_name("*"), count=1_000)):
            values = cast("list[bytes | None]", client.mget(keys))
            held = [key for key, value in zip(keys, values, strict=True) if value is not None and wanted in value]
            gone += cast("int", client.delete(*held)) if held else 0
    except RedisError as error:
        raise TransientError("Redis does not answer, so kept answers can't be looked through.") from error
    return gone


def _in_batches(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(keys, FORGOTTEN_TOGETHER)):
        yield batch


def counts_add(key: str, counts: Mapping[str, int], *, seconds: int) -> None:
    """Add to counts that all processes share."""
    REDIS.count(key, counts, seconds=seconds)


def counts_get(keys: Sequence[str], fields: Sequence[str]) -> list[list[int]]:
    """What was counted, as `RedisLevel.counts`."""
    return REDIS.counts(keys, fields)


def _name(key: str) -> str:
    return f"rag:kept-answer:{key}"


@lru_cache(2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
