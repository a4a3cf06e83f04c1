"""Samples, from the stream of Redis to Kafka: at least once for those that are in the stream, in its order as a rule.

All relays read as one consumer of one group, so that what one had in hand when it died is sent by the next that starts; two that
start at once may both send it, with the same id. What was sent leaves the stream.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import redis

from ragsite.core.configuration import ServerSettings
from ragsite.core.events import topic_of
from ragsite.core.metrics.readings import READINGS, Reading, Source
from ragsite.core.samples import FIELD, STREAM, samples_client
from workers.relay import cloud_event
from workers.relay_measuring import STREAM_WAY, sent_note
from workers.relay_sending import Sending
from workers.relay_session import UnsentEvent

logger = logging.getLogger(__name__)

GROUP = CONSUMER = "relay"
BATCH = 500
WAIT_MILLISECONDS = 1_000
PAUSE_SECONDS = 1.0
IN_HAND, NEW = "0", ">"

Entry = tuple[bytes, Mapping[bytes, bytes]]


class SampleRelay:
    """Publishes until it is stopped."""

    def __init__(self, sending: Sending, redis_url: str) -> None:
        self._sending = sending
        self._client = samples_client(redis_url)
        self._from = IN_HAND

    def run(self, stop: threading.Event) -> None:
        """Publish whenever there is something, until `stop` is set."""
        while not stop.is_set():
            try:
                was_taken = self.publish()
            except redis.ResponseError:
                self._group_make()
            except redis.RedisError as error:
                logger.warning("samples wait: Redis does not answer: %s", error)
                stop.wait(PAUSE_SECONDS)
            else:
                if not was_taken:
                    stop.wait(PAUSE_SECONDS)

    def publish(self) -> bool:
        """Publish the oldest samples, waiting a second for some; False where the broker refused some, which are tried again.

        Raises:
            redis.RedisError: Redis does not answer; or, as ResponseError, has no such group.
        """
        entries = self._entries()
        found = [(place, _event(place, fields)) for place, fields in entries]
        events = {id_of(place): event for place, event in found if event is not None}
        refused = self._sending.send([(id_, topic_of(one.type), cloud_event(one)) for id_, one in events.items()])
        for id_, one in events.items():
            sent_note(STREAM_WAY, one, refused.get(id_), gives_up=True)
        again = {id_ for id_, refusal in refused.items() if not refusal.is_own_fault}
        self._done(place for place, _ in found if id_of(place) not in again)
        if again:
            logger.warning("%d samples were not delivered: %s", len(again), refused[next(iter(again))].why)
            self._sending.connect_again()
        self._from = IN_HAND if again or (self._from == IN_HAND and entries) else NEW
        return not again

    def _entries(self) -> list[Entry]:
        found: Any = self._client.xreadgroup(
            GROUP, CONSUMER, {STREAM: self._from}, count=BATCH, block=WAIT_MILLISECONDS
        )
        return cast(list[Entry], found[0][1]) if found else []

    def _done(self, places: Iterable[bytes]) -> None:
        """These need not be sent again."""
        gone = list(places)
        if gone:
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.xack(STREAM, GROUP, *gone)
                pipeline.xdel(STREAM, *gone)
                pipeline.execute()

    def _group_make(self) -> None:
        """A Redis that lost its memory, or never had any of it, has no group."""
        try:
            self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError:
            logger.debug("the group is there")
        except redis.RedisError:
            time.sleep(PAUSE_SECONDS)


def id_of(place: bytes) -> int:
    """The place of an entry in the stream as a number that grows with it: milliseconds, and six digits for those of one."""
    milliseconds, _, number = place.decode().partition("-")
    return int(milliseconds) * 1_000_000 + int(number)


def _event(place: bytes, fields: Mapping[bytes, bytes]) -> UnsentEvent | None:
    """The sample; None of one that left the stream meanwhile, or that nobody can read."""
    try:
        told: dict[str, Any] = json.loads(fields[FIELD.encode()])
        tenant = told["tenant_id"]
        return UnsentEvent(
            id=id_of(place), event_id=UUID(told["event_id"]), tenant_id=UUID(tenant) if tenant else None, type=told["type"],
            key=told["key"], payload=told["payload"], actor=told["actor"],
            created_at=datetime.fromisoformat(told["created_at"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        logger.debug("an entry of the stream is no sample any more")
        return None


def waiting_told() -> None:
    """Have Prometheus told how many samples wait, as Redis knows when it asks."""
    READINGS.add(Source("samples", _waiting))


def _waiting() -> Iterable[Reading]:
    """Raises OSError: Redis does not answer."""
    try:
        with samples_client(ServerSettings.current().redis_url) as client:
            return [Reading("ragsite_samples_waiting", float(cast(int, client.xlen(STREAM))))]
    except redis.RedisError as error:
        raise OSError(str(error)) from error
