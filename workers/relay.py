"""The event relay: outbox rows become CloudEvents on Kafka, at least once and in order per key.

A relay serves a shard while it holds the shard's advisory lock. It reads the oldest unsent events, and produces the first of
each key, waits for every delivery report, goes on with the second of those keys whose first has arrived, and so on; then it
marks what was delivered. No transaction is open meanwhile. The next event of a key leaves only after the one before it has
arrived, so a failure stops its key and no other. A repeat carries the same event id, and `sequence` grows per key, so
consumers can drop it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

import psycopg
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ragsite.core.configuration import ServerSettings
from ragsite.core.events import schema_uri, topic_of, topics
from workers.relay_session import RelaySession, UnsentEvent

logger = logging.getLogger(__name__)

PARTITIONS = 6
BATCH = 500
POLL_SECONDS = 1.0
TOPICS_SECONDS = 5.0
"""How often the topics are looked for: a broker that keeps nothing has none after its restart."""
ADMIN_SECONDS = 2.0
GATHER_SECONDS = 0.5
"""How long events gather once one is there: to send them together costs far less than to send each at once."""
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


class Relay:
    """Publishes until it is stopped."""

    def __init__(self, client: Mapping[str, str]) -> None:
        self._config: dict[str, str | int | float | bool] = dict(client)
        self._producer = Producer(self._config | PRODUCER)
        self._session = RelaySession()
        self._look_for_topics_at = 0.0

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
        if self.publish() < BATCH and self._session.wait(seconds=POLL_SECONDS):
            stop.wait(GATHER_SECONDS)

    def publish(self) -> int:
        """Publish the oldest unsent events of the shards that no other relay serves; how many were delivered."""
        events = self._session.unsent(limit=BATCH) if self._session.shards() else []
        if not events:
            return 0
        failed = self._deliver_in_order(events)
        reached = [event.id for event in events if event.id not in failed]
        self._session.mark(delivered=reached, failed={id_: why for id_, why in failed.items() if why})
        if failed:
            logger.warning("%d events were not delivered: %s", len(failed), next(filter(None, failed.values())))
            self._connect_again()
        return len(reached)

    def _deliver_in_order(self, events: Sequence[UnsentEvent]) -> dict[int, str]:
        """By outbox id the reason for each that failed; "" for what was not tried, since one before it of its key failed."""
        failed: dict[int, str] = {}
        queues = _queues(events)
        while queues:
            lost = self._deliver([queue[0] for queue in queues])
            failed |= lost | {event.id: "" for queue in queues if queue[0].id in lost for event in queue[1:]}
            queues = [queue[1:] for queue in queues if queue[0].id not in lost and len(queue) > 1]
        return failed

    def _deliver(self, events: Sequence[UnsentEvent]) -> dict[int, str]:
        """Produce the events and wait for all delivery reports; the reason for each that failed, by outbox id."""
        failed = {event.id: "no delivery report" for event in events}
        for event in events:
            self._produce(event, failed)
        try:
            self._producer.flush()
        except (KafkaException, SystemError) as error:
            # An error that ends the producer is raised by whatever is called next, be it within the report of a delivery.
            logger.warning("the producer ended: %s", error)
        return failed

    def _produce(self, event: UnsentEvent, failed: dict[int, str]) -> None:
        def report(error: KafkaError | None, _: object) -> None:
            if error is None:
                del failed[event.id]
            else:
                failed[event.id] = error.str()

        message = cloud_event(event)
        try:
            self._producer.produce(
                topic_of(event.type), message.value, message.key, headers=dict(message.headers), on_delivery=report
            )
        except (KafkaException, BufferError) as error:
            failed[event.id] = str(error)

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
        if not set(topics()) <= there.keys():
            self._connect_again()

    def _topics_ensure(self) -> None:
        """Make the topics that are missing. A broker that is away is met again at the next delivery."""
        wanted = [NewTopic(name, num_partitions=PARTITIONS) for name in topics()]
        admin = AdminClient(self._config)
        for name, future in admin.create_topics(wanted, request_timeout=5).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    logger.warning("topic %s was not made: %s", name, error)


def cloud_event(event: UnsentEvent) -> KafkaMessage:
    """The event in CloudEvents 1.0 structured JSON; the message's key is the aggregate's id."""
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
    names = {"kind": "actorkind", "id": "actorid", "door": "actordoor", "request_id": "requestid"}
    return {attribute: kept[name] for name, attribute in names.items() if kept.get(name)}


def relay_run(stop: threading.Event) -> None:
    """Run a relay in this process until `stop` is set."""
    Relay(ServerSettings.current().kafka_client).run(stop)


def _queues(events: Iterable[UnsentEvent]) -> list[list[UnsentEvent]]:
    """The events of each key, in their order."""
    queues: defaultdict[str, list[UnsentEvent]] = defaultdict(list)
    for event in events:
        queues[event.key].append(event)
    return list(queues.values())
