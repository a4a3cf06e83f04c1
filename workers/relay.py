"""The event relay: outbox rows become CloudEvents on Kafka, at least once and in order per key.

A relay serves a shard while it holds the shard's advisory lock. It reads the oldest unsent events, and produces the first of
each key, waits for every delivery report, goes on with the second of those keys whose first has arrived, and so on; then it
marks what was delivered. No transaction is open meanwhile. The next event of a key leaves only after the one before it has
arrived, so a failure stops its key and no other. A repeat carries the same event id, and `sequence` grows per key, so
consumers can drop it.

An event that the broker refuses for what it is itself, such as one that is too large, is tried a few times and then goes to the
topic of dead letters, with the reason: those after it of its key go on. What is wrong with the broker is no reason to give up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC

import psycopg
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from ragsite.core.events import DEAD_LETTERS, schema_uri, topic_of, topics
from workers.relay_measuring import OUTBOX_WAY, sent_note
from workers.relay_sending import Refusal, Sending
from workers.relay_session import RelaySession, UnsentEvent
from workers.relay_tracing import TRACE

logger = logging.getLogger(__name__)

BATCH = 2_000
BATCH_BYTES = 8_000_000
"""Of payloads as the outbox has them, compressed. The event that passes this is the batch's last."""
POLL_SECONDS = 1.0
TOPICS_SECONDS = 5.0
"""How often the topics are looked for: a broker that keeps nothing has none after its restart."""
GATHER_SECONDS = 0.5
"""Batches are so far apart at least: to send events together costs far less than to send each at once. One that comes
after a pause is sent at once.
"""
TRIES = 3
"""How often an event is tried that the broker refuses for its own sake: for some seconds, within which its key waits."""
DEAD_LETTER_BYTES = 900_000
"""A dead letter that would be larger goes without the event's payload, which the outbox still has."""


class Relay:
    """Publishes until it is stopped."""

    def __init__(self, client: Mapping[str, str]) -> None:
        self._sending = Sending(client)
        self._session = RelaySession()
        self._look_for_topics_at = 0.0
        self._published_at = 0.0
        self._is_more_there = False

    def run(self, stop: threading.Event) -> None:
        """Publish whenever there is something, until `stop` is set."""
        while not stop.is_set():
            self._topics_look()
            try:
                self._publish_or_wait(stop)
            except psycopg.Error:
                logger.warning("the relay waits: the database does not answer", exc_info=True)
                self.close()
                stop.wait(POLL_SECONDS)
        self._sending.end()
        self.close()

    def close(self) -> None:
        """Leave its shards to other relays."""
        self._session.close()

    def _publish_or_wait(self, stop: threading.Event) -> None:
        """A batch that came full may not have been all, so the next one follows at once."""
        self.publish()
        if self._is_more_there or not self._session.wait(seconds=POLL_SECONDS):
            return
        stop.wait(max(0.0, self._published_at + GATHER_SECONDS - time.monotonic()))

    def publish(self) -> int:
        """Publish the oldest unsent events of the shards that no other relay serves; how many left the outbox."""
        events = self._session.unsent(limit=BATCH, limit_bytes=BATCH_BYTES) if self._session.shards() else []
        self._is_more_there = False
        if not events:
            return 0
        failed = self._deliver_in_order(events)
        buried = self._bury(events, failed)
        reached = [event.id for event in events if event.id not in failed]
        left = {id_: refusal.why for id_, refusal in failed.items() if refusal.why and id_ not in buried}
        for event in events:
            sent_note(OUTBOX_WAY, event, failed.get(event.id), gives_up=event.id in buried)
        self._session.mark(delivered=reached, failed=left, buried=buried)
        self._published_at = time.monotonic()
        if left:
            logger.warning("%d events were not delivered: %s", len(failed) - len(buried), next(iter(left.values())))
            self._connect_again()
        else:
            self._is_more_there = _is_full(events)
        return len(reached) + len(buried)

    def _deliver_in_order(self, events: Sequence[UnsentEvent]) -> dict[int, Refusal]:
        """By outbox id the refusal of each that was not delivered."""
        failed: dict[int, Refusal] = {}
        queues = _queues(events)
        while queues:
            lost = self._deliver([queue[0] for queue in queues])
            failed |= lost | {event.id: Refusal() for queue in queues if queue[0].id in lost for event in queue[1:]}
            queues = [queue[1:] for queue in queues if queue[0].id not in lost and len(queue) > 1]
        return failed

    def _deliver(self, events: Sequence[UnsentEvent]) -> dict[int, Refusal]:
        """Publish the events, each on its topic; by outbox id the refusal of each that failed."""
        failed: dict[int, Refusal] = {}
        messages = []
        for event in events:
            try:
                messages.append((event.id, topic_of(event.type), cloud_event(event)))
            except (TypeError, ValueError) as error:
                failed[event.id] = Refusal(f"It can't be written as an event: {error}", is_own_fault=True)
        return failed | self._sending.send(messages)

    def _bury(self, events: Sequence[UnsentEvent], failed: Mapping[int, Refusal]) -> dict[int, str]:
        """Send those to the dead letters that were tried often enough; by outbox id why, of those that arrived there."""
        given_up = [event for event in events if _is_given_up(event, failed.get(event.id))]
        messages = [(event.id, DEAD_LETTERS, dead_letter(event, failed[event.id].why)) for event in given_up]
        lost = self._sending.send(messages) if messages else {}
        buried = {event.id: failed[event.id].why for event in given_up if event.id not in lost}
        for event in given_up:
            if event.id in buried:
                logger.error("event %s of %s is a dead letter: %s", event.event_id, event.type, buried[event.id])
        return buried

    def _connect_again(self) -> None:
        """A new producer, on topics that exist."""
        self._topics_ensure()
        self._sending.connect_again()

    def _topics_look(self) -> None:
        """Now and then, make the topics that a restarted broker has not any more."""
        if time.monotonic() < self._look_for_topics_at:
            return
        self._look_for_topics_at = time.monotonic() + TOPICS_SECONDS
        if self._sending.topics_missing(_topics()):
            self._connect_again()

    def _topics_ensure(self) -> None:
        self._sending.topics_ensure(_topics())


def cloud_event(event: UnsentEvent) -> KafkaMessage:
    """The event in CloudEvents 1.0 structured JSON; the message's key is the aggregate's id, and a header names its trace."""
    message = _structured(event)
    trace: str = (event.actor or {}).get(TRACE, "")
    return replace(message, headers={**dict(message.headers), TRACE: trace.encode()}) if trace else message


def _structured(event: UnsentEvent) -> KafkaMessage:
    return to_structured_event(
        CloudEvent(
            attributes={
                "id": str(event.event_id),
                "source": "/ragsite",
                "type": event.type,
                "specversion": "1.0",
                "subject": event.key,
                "time": event.created_at.astimezone(UTC),
                "datacontenttype": "application/json",
                "dataschema": schema_uri(event.type),
                "partitionkey": event.key,
                "sequence": f"{event.id:020d}",
                **({"tenant": str(event.tenant_id)} if event.tenant_id else {}),
                **_actor_attributes(event),
            },
            data=event.payload,
        )
    )


def _actor_attributes(event: UnsentEvent) -> dict[str, str]:
    """Who acted, by id: names of people stay in the house. Nothing of an event that was written before it was noted."""
    kept: dict[str, str] = event.actor or {}
    names = {"kind": "actorkind", "id": "actorid", "door": "actordoor", "request_id": "requestid", TRACE: TRACE}
    return {attribute: kept[name] for name, attribute in names.items() if kept.get(name)}


def dead_letter(event: UnsentEvent, why: str) -> KafkaMessage:
    """The event, and beside it where it should have gone, why it could not, and how often it was tried."""
    message = _written(event)
    headers = {
        **dict(message.headers),
        "reason": why.encode(),
        "topic": topic_of(event.type).encode(),
        "attempts": str(event.attempts + 1).encode(),
    }
    return replace(message, headers=headers)


def _written(event: UnsentEvent) -> KafkaMessage:
    """As `cloud_event`; without its payload where that is what can't be written, or is too large."""
    try:
        message = cloud_event(event)
    except (TypeError, ValueError):
        message = None
    if message is not None and len(message.value or b"") <= DEAD_LETTER_BYTES:
        return message
    return cloud_event(replace(event, payload={}))


def _topics() -> set[str]:
    """All that this relay writes to."""
    return {*topics(), DEAD_LETTERS}


def _is_given_up(event: UnsentEvent, refusal: Refusal | None) -> bool:
    return refusal is not None and refusal.is_own_fault and event.attempts + 1 >= TRIES


def _is_full(events: Sequence[UnsentEvent]) -> bool:
    """Whether there may be more than this batch took."""
    return len(events) >= BATCH or sum(event.stored_bytes for event in events) >= BATCH_BYTES


def _queues(events: Iterable[UnsentEvent]) -> list[list[UnsentEvent]]:
    """The events of each key, in their order."""
    queues: defaultdict[str, list[UnsentEvent]] = defaultdict(list)
    for event in events:
        queues[event.key].append(event)
    return list(queues.values())
