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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC

import psycopg
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ragsite.core.configuration import ServerSettings
from ragsite.core.events import DEAD_LETTERS, schema_uri, topic_of, topics
from ragsite.core.tracing.spans import SpanKind, span, traceparent, under
from workers.relay_session import RelaySession, UnsentEvent

logger = logging.getLogger(__name__)

PARTITIONS = 6
BATCH = 500
POLL_SECONDS = 1.0
TOPICS_SECONDS = 5.0
"""How often the topics are looked for: a broker that keeps nothing has none after its restart."""
ADMIN_SECONDS = 2.0
GATHER_SECONDS = 0.5
"""Batches are so far apart at least: to send events together costs far less than to send each at once. One that comes
after a pause is sent at once.
"""
TRIES = 3
"""How often an event is tried that the broker refuses for its own sake: for some seconds, within which its key waits."""
DEAD_LETTER_BYTES = 900_000
"""A dead letter that would be larger goes without the event's payload, which the outbox still has."""
TRACE = "traceparent"
"""The attribute of CloudEvents' distributed tracing extension, and the header, that name the trace an event is part of."""
OWN_FAULTS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.POLICY_VIOLATION,
        KafkaError._BAD_MSG,
        KafkaError._INVALID_ARG,
    }
)
"""What a broker, or its client, has against a message itself, and not against all."""
PRODUCER: dict[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "delivery.timeout.ms": 30_000,
    "linger.ms": 10,
    "compression.type": "zstd",
    "queue.buffering.max.messages": 10_000,
    # A broker would make a missing topic with as many partitions as it likes. The relay makes it.
    "allow.auto.create.topics": False,
    "topic.metadata.propagation.max.ms": 5_000,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event was not delivered; empty where it was not tried, as one before it of its key failed."""

    why: str = ""
    is_own_fault: bool = False


class Relay:
    """Publishes until it is stopped."""

    def __init__(self, client: Mapping[str, str]) -> None:
        self._config: dict[str, str | int | float | bool] = dict(client)
        self._producer = Producer(self._config | PRODUCER)
        self._session = RelaySession()
        self._look_for_topics_at = 0.0
        self._published_at = 0.0

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
        self._producer.flush(10)
        self.close()

    def close(self) -> None:
        """Leave its shards to other relays."""
        self._session.close()

    def _publish_or_wait(self, stop: threading.Event) -> None:
        """A batch that came full may not have been all, so the next one follows at once."""
        if self.publish() >= BATCH or not self._session.wait(seconds=POLL_SECONDS):
            return
        stop.wait(max(0.0, self._published_at + GATHER_SECONDS - time.monotonic()))

    def publish(self) -> int:
        """Publish the oldest unsent events of the shards that no other relay serves; how many left the outbox."""
        events = self._session.unsent(limit=BATCH) if self._session.shards() else []
        if not events:
            return 0
        failed = self._deliver_in_order(events)
        buried = self._bury(events, failed)
        reached = [event.id for event in events if event.id not in failed]
        left = {id_: refusal.why for id_, refusal in failed.items() if refusal.why and id_ not in buried}
        self._session.mark(delivered=reached, failed=left, buried=buried)
        self._published_at = time.monotonic()
        if left:
            logger.warning("%d events were not delivered: %s", len(failed) - len(buried), next(iter(left.values())))
            self._connect_again()
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
        return failed | self._send(messages)

    def _bury(self, events: Sequence[UnsentEvent], failed: Mapping[int, Refusal]) -> dict[int, str]:
        """Send those to the dead letters that were tried often enough; by outbox id why, of those that arrived there."""
        given_up = [event for event in events if _is_given_up(event, failed.get(event.id))]
        messages = [(event.id, DEAD_LETTERS, dead_letter(event, failed[event.id].why)) for event in given_up]
        lost = self._send(messages) if messages else {}
        buried = {event.id: failed[event.id].why for event in given_up if event.id not in lost}
        for event in given_up:
            if event.id in buried:
                logger.error("event %s of %s is a dead letter: %s", event.event_id, event.type, buried[event.id])
        return buried

    def _send(self, messages: Sequence[tuple[int, str, KafkaMessage]]) -> dict[int, Refusal]:
        """Produce the messages and wait for all delivery reports; the refusal of each that failed, by outbox id."""
        failed = {id_: Refusal("no delivery report") for id_, _, _ in messages}
        for id_, topic, message in messages:
            self._produce(id_, topic, message, failed)
        try:
            self._producer.flush()
        except (KafkaException, SystemError) as error:
            # An error that ends the producer is raised by whatever is called next, be it within the report of a delivery.
            logger.warning("the producer ended: %s", error)
        return failed

    def _produce(self, id_: int, topic: str, message: KafkaMessage, failed: dict[int, Refusal]) -> None:
        def report(error: KafkaError | None, _: object) -> None:
            if error is None:
                del failed[id_]
            else:
                failed[id_] = Refusal(error.str(), error.code() in OWN_FAULTS)

        try:
            with sent(topic, message) as headers:
                self._producer.produce(topic, message.value, message.key, headers=headers, on_delivery=report)
        except KafkaException as error:
            report(error.args[0], None)
        except BufferError as error:
            failed[id_] = Refusal(str(error))

    def _connect_again(self) -> None:
        """A new producer, on topics that exist. One whose broker lost its memory never delivers again: the sequence of
        messages that it goes on with is unknown there.
        """
        self._topics_ensure()
        self._producer = Producer(self._config | PRODUCER)

    def _topics_look(self) -> None:
        """Now and then, make the topics that a restarted broker has not any more."""
        if time.monotonic() < self._look_for_topics_at:
            return
        self._look_for_topics_at = time.monotonic() + TOPICS_SECONDS
        try:
            there = AdminClient(self._config | {"log_level": 0}).list_topics(timeout=ADMIN_SECONDS).topics
        except KafkaException:
            return  # A broker that is away is met again at the next delivery.
        if not _topics() <= there.keys():
            self._connect_again()

    def _topics_ensure(self) -> None:
        """Make the topics that are missing. A broker that is away is met again at the next delivery."""
        wanted = [NewTopic(name, num_partitions=PARTITIONS) for name in sorted(_topics())]
        admin = AdminClient(self._config)
        for name, future in admin.create_topics(wanted, request_timeout=5).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    logger.warning("topic %s was not made: %s", name, error)


@contextmanager
def sent(topic: str, message: KafkaMessage) -> Iterator[dict[str, str | bytes | None]]:
    """The headers of a message that is sent while the block runs, which is part of the trace of what its event tells of."""
    headers: dict[str, str | bytes | None] = dict(message.headers)
    parent = message.headers.get(TRACE, b"").decode()
    if not parent:
        yield headers
        return
    with span(
        f"send {topic}", SpanKind.PRODUCER, parent=parent, messaging__system="kafka",
        messaging__destination__name=topic, messaging__operation__name="send", messaging__operation__type="send",
    ), under(parent):  # fmt: skip
        yield headers | {TRACE: traceparent().encode()}


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


def relay_run(stop: threading.Event) -> None:
    """Run a relay in this process until `stop` is set."""
    Relay(ServerSettings.current().kafka_client).run(stop)


def _queues(events: Iterable[UnsentEvent]) -> list[list[UnsentEvent]]:
    """The events of each key, in their order."""
    queues: defaultdict[str, list[UnsentEvent]] = defaultdict(list)
    for event in events:
        queues[event.key].append(event)
    return list(queues.values())
