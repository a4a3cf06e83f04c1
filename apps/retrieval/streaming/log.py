"""The events of a run in Redis, for ten minutes, so that a reader who was cut off goes on where it was, at any web process.

An answer has a stream of its events, by their numbers, beside it whom they are for and which versions they tell of, and a key
that is there as long as the run's process says so. Nothing here is a record: the answer is in PostgreSQL.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.models.gateway.channel import BLOCK_SECONDS, SOCKET_SECONDS, redis_client
from apps.retrieval.streaming.events import EventName, StreamEvent
from apps.retrieval.streaming.failures import FOLLOWING_FAILED, RUN_LOST, failed_data
from ragsite.core.configuration import ServerSettings

logger = logging.getLogger(__name__)

KEPT_SECONDS = 600
"""From the last event on."""

MOST_EVENTS = 5_000
"""An answer has a few dozen; of more, the first are let go."""

GONE_MILLISECONDS = 4_000
"""A process that has said nothing of a run for so long is gone."""

CANCEL_SECONDS = 30


@dataclass(frozen=True, slots=True)
class About:
    """Whom the events are for, and the versions whose text they have in them."""

    asker: str
    version_ids: frozenset[UUID]


class EventLog:
    """The writer's end. Once Redis does not answer nothing more is written: who streams shall not wait for it each time."""

    def __init__(self, answer_id: UUID) -> None:
        self._id = answer_id
        self._writes = True

    def open(self, asker: str) -> None:
        """Note whom it is for, and that its process is there."""
        about, alive = _key(self._id, "about"), _key(self._id, "alive")
        self._write(
            ("HSET", about, "asker", asker), ("EXPIRE", about, KEPT_SECONDS),
            ("SET", alive, "1", "PX", GONE_MILLISECONDS),
        )  # fmt: skip

    def tells_of(self, version_ids: Collection[UUID]) -> None:
        """Note, before the events that do, that they have text of these versions in them."""
        self._write(("HSET", _key(self._id, "about"), "versions", json.dumps(sorted(map(str, version_ids)))))

    def append(self, event: StreamEvent) -> None:
        """Add an event; the last one says as well that no process is needed any more."""
        events = _key(self._id)
        entry = ("event", event.name.value, "data", event.data)
        self._write(
            ("XADD", events, "MAXLEN", "~", MOST_EVENTS, f"{event.number}-0", *entry),
            ("EXPIRE", events, KEPT_SECONDS), ("EXPIRE", _key(self._id, "about"), KEPT_SECONDS),
        )  # fmt: skip

    def _write(self, *commands: Sequence[str | int]) -> None:
        if not self._writes:
            return
        try:
            with redis_client().pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
                pipeline.execute()
        except RedisError:
            self._writes = False
            logger.warning("Redis does not answer; the stream of %s can't be resumed", self._id, exc_info=True)


def about_of(answer_id: UUID) -> About | None:
    """What is noted about a run's events; None where there are none, or none any more.

    Raises:
        RedisError: Redis does not answer.
    """
    found = cast(dict[str, str], redis_client().hgetall(_key(answer_id, "about")))
    if not found:
        return None
    return About(found["asker"], frozenset(map(UUID, json.loads(found.get("versions", "[]")))))


def runs_beat(answer_ids: Collection[UUID]) -> list[UUID]:
    """Say that their process is there, and learn which of them are to be cancelled.

    Raises:
        RedisError: Redis does not answer.
    """
    with redis_client().pipeline(transaction=False) as pipeline:
        for one in answer_ids:
            pipeline.set(_key(one, "alive"), "1", px=GONE_MILLISECONDS)
            pipeline.exists(_key(one, "cancel"))
        told = pipeline.execute()[1::2]
    return [one for one, is_cancelled in zip(answer_ids, told, strict=True) if is_cancelled]


def cancel_ask(answer_id: UUID) -> None:
    """Let the run's process, whichever it is, learn that it is to be cancelled.

    Raises:
        RedisError: Redis does not answer.
    """
    redis_client().set(_key(answer_id, "cancel"), "1", ex=CANCEL_SECONDS)


async def log_follow(answer_id: UUID, after: int) -> AsyncGenerator[StreamEvent | None, None]:
    """The events after that number, until the last one; None now and then while there is nothing.

    A run whose process is gone, and a Redis that does not answer, end it with a failure. Only the first is the run's own.
    """
    try:
        async with aclosing(_followed(answer_id, after)) as events:
            async for event in events:
                after = event.number if event else after
                yield event
    except RedisError:
        logger.warning("Redis does not answer; a reader of %s is told so", answer_id, exc_info=True)
        # By the number it has seen already, with which it can go on later.
        yield StreamEvent(after, EventName.FAILED, failed_data(FOLLOWING_FAILED))


async def _followed(answer_id: UUID, after: int) -> AsyncGenerator[StreamEvent | None, None]:
    async with _client() as client:
        while True:
            # Asked first: what a run said at its very end is then not missed.
            is_alive = await client.exists(_key(answer_id, "alive"))
            found: Any = await client.xread({_key(answer_id): f"{after}-0"}, block=int(BLOCK_SECONDS * 1000))
            for entry, fields in [entry for _, entries in found or [] for entry in entries]:
                after = int(entry.partition("-")[0])
                event = StreamEvent(after, EventName(fields["event"]), fields["data"])
                yield event
                if event.is_last:
                    return
            if not found and not is_alive:
                yield StreamEvent(after + 1, EventName.FAILED, failed_data(RUN_LOST))
                return
            yield None


def _client() -> redis.asyncio.Redis:
    """A connection for one reader: it belongs to the event loop that it was made on."""
    return redis.asyncio.Redis.from_url(
        ServerSettings.current().redis_url,
        decode_responses=True,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _key(answer_id: UUID, part: str = "events") -> str:
    return f"rag:answer:{answer_id}:{part}"
