"""Limits counted in Redis, for all processes together, by its clock. One round trip for all buckets of a request."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from ragsite.core.configuration import ServerSettings
from ragsite.gateway.limits.buckets import MINUTE_SECONDS, PLACE_SECONDS, PREFIX, Bucket, Demand, Level, Taken

REDIS_SECONDS = 0.1
"""After so long without an answer Redis is taken to be away."""

PROCESSES = f"{PREFIX}:processes"
_HERE = Path(__file__).parent


class RedisStore:
    """A Store. Each method raises RedisError: Redis does not answer."""

    def take(self, demands: Sequence[Demand], *, place: str, used: Mapping[str, int]) -> Taken:
        """See Store."""
        keys = [one.bucket.key for one in demands]
        arguments = [value for one in demands for value in _told(one, used)]
        told, *found = map(int, cast(bytes, _scripts(_url()).take(keys=keys, args=[place, *arguments])).split())
        if told < 0:
            return Taken(is_granted=False, unknown=tuple(keys[number - 1] for number in found))
        levels = tuple(Level(left, wait / 1000) for left, wait in zip(found[::2], found[1::2], strict=True))
        return Taken(is_granted=bool(told), levels=levels)

    def change(self, changes: Sequence[tuple[Bucket, int]]) -> None:
        """See Store."""
        arguments = [
            value
            for bucket, amount in changes
            for value in ("quota" if bucket.quota else "bucket", bucket.limit, MINUTE_SECONDS * 1000, amount)
        ]
        _scripts(_url()).change(keys=[bucket.key for bucket, _ in changes], args=arguments)

    def places_leave(self, bucket_keys: Sequence[str], place: str) -> None:
        """See Store."""
        with _client(_url()).pipeline(transaction=False) as pipeline:
            for key in bucket_keys:
                pipeline.zrem(key, place)
            pipeline.execute()

    def places_hold(self, held: Sequence[tuple[str, str]]) -> None:
        """See Store. By this process's clock, which may be off by less than a lease."""
        until = (time.time() + PLACE_SECONDS) * 1000
        with _client(_url()).pipeline(transaction=False) as pipeline:
            for key, place in held:
                pipeline.zadd(key, {place: until}, xx=True)
                pipeline.pexpire(key, int(PLACE_SECONDS * 1000))
            pipeline.execute()

    def forget(self, keys: Sequence[str]) -> None:
        """See Store."""
        _client(_url()).delete(*keys)

    def processes(self) -> int:
        """How many processes count here, this one included, which says with this that it is there."""
        now = time.time()
        with _client(_url()).pipeline(transaction=False) as pipeline:
            pipeline.zadd(PROCESSES, {f"{socket.gethostname()}:{os.getpid()}": now + PLACE_SECONDS})
            pipeline.zremrangebyscore(PROCESSES, "-inf", now)
            pipeline.expire(PROCESSES, int(PLACE_SECONDS))
            pipeline.zcard(PROCESSES)
            return int(pipeline.execute()[-1])


class _Scripts:
    """The scripts, each loaded when Redis does not know it yet."""

    def __init__(self, client: redis.Redis) -> None:
        self.take = Script(client, (_HERE / "take.lua").read_text())
        self.change = Script(client, (_HERE / "change.lua").read_text())


def _told(demand: Demand, used: Mapping[str, int]) -> tuple[str | int, ...]:
    """A demand as the script reads it."""
    bucket = demand.bucket
    if bucket.quota is not None:
        left = max(1, int((bucket.quota.ends.timestamp() - time.time()) * 1000))
        return "quota", bucket.limit, left, demand.cost, demand.needs, used.get(bucket.key, -1)
    kind, span = ("bucket", MINUTE_SECONDS) if bucket.window_seconds else ("places", PLACE_SECONDS)
    return kind, bucket.limit, int(span * 1000), demand.cost, demand.needs, -1


def _url() -> str:
    return ServerSettings.current().redis_url


@lru_cache(2)
def _scripts(url: str) -> _Scripts:
    return _Scripts(_client(url))


@lru_cache(2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_SECONDS,
        socket_connect_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
