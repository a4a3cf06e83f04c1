"""The event relay: outbox rows become CloudEvents on Kafka, at least once and in order per key.

A relay serves a shard while it holds the shard's advisory lock. It reads the oldest unsent event of each key, produces
them, waits for every delivery report and then marks what was delivered; no transaction is open meanwhile. The next event
of a key leaves only after the one before it has arrived, so a failure stops its key and no other. A repeat carries the
same event id, and `sequence` grows per key, so consumers can drop it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

import psycopg
from cloudevents.core.bindings.kafka import KafkaMessage, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now

from ragsite.core.database import SessionLock, connection_of_own
from ragsite.core.models import SHARDS, OutboxEvent
from ragsite.core.outbox import CHANNEL

logger = logging.getLogger(__name__)

TOPICS = ("ragsite.document", "ragsite.grant", "ragsite.knowledge_base", "ragsite.query", "ragsite.vector")
PARTITIONS = 6
BATCH = 200
POLL_SECONDS = 1.0
GATHER_SECONDS = 0.5
"""How long events gather once one is there: to send them together costs far less than to send each at once."""
BACKOFF_MAX_SECONDS = 3600
LOCK_BASE = 7_242_100
PRODUCER: dict[str, str | int | float | bool] = {
    "enable.idempotence": True,
    "acks": "all",
    "delivery.timeout.ms": 30_000,
    "linger.ms": 10,
    "compression.type": "zstd",
    "queue.buffering.max.messages": 10_000,
}


class Relay:
    """Publishes until told to stop."""

    def __init__(self, *, bootstrap_servers: str) -> None:
        self._config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers}
        self._producer = Producer(self._config | PRODUCER)
        self._locks = {shard: SessionLock(LOCK_BASE + shard) for shard in range(SHARDS)}

    def run(self, stop: threading.Event) -> None:
        """Publish whenever there is something, until `stop` is set."""
        self._topics_ensure()
        while not stop.is_set():
            try:
                self._publish_until_none(stop)
            except (psycopg.Error, DatabaseError):
                logger.warning("the relay waits: the database does not answer", exc_info=True)
                stop.wait(POLL_SECONDS)
        self._producer.flush(10)
        for lock in self._locks.values():
            lock.release()

    def _publish_until_none(self, stop: threading.Event) -> None:
        with connection_of_own() as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            while not stop.is_set():
                if not sum(self.publish_shard(shard) for shard in range(SHARDS)):
                    list(listener.notifies(timeout=POLL_SECONDS, stop_after=1))
                    stop.wait(GATHER_SECONDS)

    def publish_shard(self, shard: int) -> int:
        """Publish the oldest event of each of the shard's keys; how many were delivered. 0 where another relay serves."""
        if not self._locks[shard].held():
            return 0
        events = _next_events(shard)
        if not events:
            return 0
        failed = self._deliver(events)
        _mark(events, failed)
        if failed:
            logger.warning("%d events were not delivered: %s", len(failed), next(iter(failed.values())))
            self._topics_ensure()
        return len(events) - len(failed)

    def _deliver(self, events: Sequence[OutboxEvent]) -> dict[int, str]:
        """Produce the events and wait for all delivery reports; the reason for each that failed, by outbox id."""
        failed = {event.pk: "no delivery report" for event in events}
        for event in events:
            self._produce(event, failed)
        self._producer.flush()
        return failed

    def _produce(self, event: OutboxEvent, failed: dict[int, str]) -> None:
        def report(error: KafkaError | None, _: object) -> None:
            if error is None:
                del failed[event.pk]
            else:
                failed[event.pk] = error.str()

        message = cloud_event(event)
        try:
            self._producer.produce(
                topic_of(event.type), message.value, message.key, headers=dict(message.headers), on_delivery=report
            )
        except (KafkaException, BufferError) as error:
            failed[event.pk] = str(error)

    def _topics_ensure(self) -> None:
        """Make the topics that are missing. A broker that is away is met again at the next delivery."""
        wanted = [NewTopic(name, num_partitions=PARTITIONS) for name in TOPICS]
        admin = AdminClient(self._config)
        for name, future in admin.create_topics(wanted, request_timeout=5).items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    logger.warning("topic %s was not made: %s", name, error)


def topic_of(event_type: str) -> str:
    """`document.created` goes to the topic `ragsite.document`."""
    return f"ragsite.{event_type.partition('.')[0]}"


def cloud_event(event: OutboxEvent) -> KafkaMessage:
    """The event in CloudEvents 1.0 structured JSON; the message's key is the aggregate's id."""
    return to_structured_event(
        CloudEvent(
            attributes={
                "id": str(event.event_id),
                "source": "/ragsite",
                "type": event.type,
                "specversion": "1.0",
                "subject": event.key,
                "time": event.created_at,
                "datacontenttype": "application/json",
                "dataschema": f"urn:ragsite:event:{event.type}:1",
                "partitionkey": event.key,
                "sequence": f"{event.pk:020d}",
                "tenant": str(event.tenant_id),
            },
            data=event.payload,
        )
    )


def relay_run(stop: threading.Event) -> None:
    """Run a relay in this process until `stop` is set."""
    Relay(bootstrap_servers=settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS).run(stop)


def _next_events(shard: int) -> list[OutboxEvent]:
    """The oldest unsent event of each key, in order, of the keys that are not backing off."""
    heads = OutboxEvent.objects.filter(shard=shard, sent_at=None).order_by("key", "id").distinct("key")
    return list(OutboxEvent.objects.filter(pk__in=heads.values("pk"), not_before__lte=Now()).order_by("id")[:BATCH])


def _mark(events: Sequence[OutboxEvent], failed: dict[int, str]) -> None:
    delivered = [event.pk for event in events if event.pk not in failed]
    OutboxEvent.objects.filter(pk__in=delivered).update(sent_at=Now(), error="")
    for event in events:
        if event.pk in failed:
            wait = timedelta(seconds=min(BACKOFF_MAX_SECONDS, 2**event.attempts))
            OutboxEvent.objects.filter(pk=event.pk).update(
                attempts=event.attempts + 1, error=failed[event.pk], not_before=Now() + wait
            )
