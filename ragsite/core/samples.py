"""Events that are samples: how things go, and not what was done. They are many and each is worth little, so they cost no row of
the outbox and no transaction: they travel by a stream of Redis that keeps the newest, and the relay publishes them from there.

Who tells one waits for nothing: a thread of the process sends them, some at a time. While Redis is away, or they come faster than
they go, they are lost, and counted. ADR 74 says what this costs and saves.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ragsite.core.actors import Actor
from ragsite.core.configuration import ServerSettings
from ragsite.core.events import Event
from ragsite.core.ids import new_id
from ragsite.core.metrics.instruments import counter

logger = logging.getLogger(__name__)

STREAM = "ragsite:samples"
FIELD = "event"
MOST_KEPT = 10_000
"""Samples that the stream keeps, about, while nobody publishes them."""

MOST_HELD = 1_000
"""Samples that wait within a process."""

AT_ONCE = 200
GATHER_SECONDS = 0.05
"""Those that are told within so long go together."""

PAUSE_SECONDS = 1.0
"""After Redis did not answer."""

REDIS_SECONDS = 2.0
SKIPPED = counter("ragsite_samples_skipped_total")


@dataclass(frozen=True, slots=True)
class Sample:
    """An event that was told, when and by whom: names of people go nowhere."""

    event: Event
    actor: dict[str, str]
    event_id: UUID = field(default_factory=new_id)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def line(self) -> str:
        """As the stream has it. Raises TypeError: a field is not of its type."""
        event, ids = self.event, {name: value for name, value in self.actor.items() if name != "name"}
        written: dict[str, Any] = {
            "event_id": str(self.event_id), "tenant_id": event.tenant_id and str(event.tenant_id), "type": event.name,
            "key": str(event.key), "payload": event.payload(), "actor": ids, "created_at": self.at.isoformat(),
        }  # fmt: skip
        return json.dumps(written)


class SampleSender:
    """Sends samples from a thread of its own, which begins with the first."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._waiting: queue.Queue[Sample] = queue.Queue(MOST_HELD)
        self._begin = threading.Lock()
        self._thread: threading.Thread | None = None

    def tell(self, sample: Sample) -> None:
        """Have it sent soon. Where too many wait already it is lost."""
        if self._thread is None:
            self._start()
        try:
            self._waiting.put_nowait(sample)
        except queue.Full:
            SKIPPED.labels("full").inc()

    def flush(self, seconds: float) -> bool:
        """Wait until all that was told is sent or lost, at most so long; whether it is."""
        until = time.monotonic() + seconds
        with self._waiting.all_tasks_done:
            while self._waiting.unfinished_tasks:
                if not self._waiting.all_tasks_done.wait(until - time.monotonic()):
                    return False
        return True

    def _start(self) -> None:
        with self._begin:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            time.sleep(GATHER_SECONDS)
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                self._send(batch)
            except Exception:  # the thread goes on, whatever a sample is like
                logger.exception("samples were lost")
                SKIPPED.labels("invalid").inc(len(batch))
            for _ in batch:
                self._waiting.task_done()

    def _send(self, batch: Sequence[Sample]) -> None:
        lines = [one.line() for one in batch]
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                for line in lines:
                    pipeline.xadd(STREAM, {FIELD: line}, maxlen=MOST_KEPT, approximate=True)
                pipeline.execute()
        except redis.RedisError:
            SKIPPED.labels("redis").inc(len(batch))
            time.sleep(PAUSE_SECONDS)


def sample_tell(event: Event, *, actor: Actor) -> None:
    """Tell others of an event that may be lost. Where no Kafka is configured nobody is told.

    Raises:
        ValueError: it tells of what somebody did, which must not be lost: see `ragsite.core.outbox.emit`.
    """
    if event.is_act:
        raise ValueError(f"{event.name} tells of what somebody did; emit it.")
    settings = ServerSettings.current()
    if settings.has_kafka:
        sample_sender(settings.redis_url).tell(Sample(event, actor.as_dict()))


@lru_cache(2)
def sample_sender(url: str) -> SampleSender:
    """The one of this process."""
    return SampleSender(samples_client(url))


def samples_client(url: str) -> redis.Redis:
    """A client that says at once that Redis is away."""
    return redis.Redis.from_url(
        url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )  # fmt: skip


os.register_at_fork(after_in_child=sample_sender.cache_clear)
