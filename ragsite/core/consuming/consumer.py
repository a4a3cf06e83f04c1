"""A consumer of events: reads in batches, has the effect, and only then says to the broker that it is done.

At least once: who is killed in between reads the batch again, so the taker drops repeats, by the inbox or by itself. What
can't be taken is a dead letter and holds up nobody; what can't be done now, as a server is away, is tried again with longer and
longer pauses, in which the consumer keeps its membership of the group and reads nothing more.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from django.db import InterfaceError, OperationalError, ProgrammingError, close_old_connections

from ragsite.core.consuming.dead_letters import DeadLetter, DeadLetters
from ragsite.core.consuming.messages import Message, Place, Received, known, received_of, type_of
from ragsite.core.errors import PermanentError, ServiceUnavailableError, TransientError
from ragsite.core.metrics.instruments import counter, gauge

logger = logging.getLogger(__name__)

LAG = gauge("ragsite_consumer_lag")
EVENTS = counter("ragsite_consumer_events_total")

CONSUMER: Mapping[str, str | int | bool] = {
    # What was read is done once its effect is there, and not a moment before.
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "partition.assignment.strategy": "cooperative-sticky",
    "max.poll.interval.ms": 300_000,
    "session.timeout.ms": 10_000,
    "reconnect.backoff.max.ms": 10_000,
    # A topic that the relay has not made yet is found soon after.
    "topic.metadata.refresh.interval.ms": 5_000,
}
BATCH = 5_000
GATHER_SECONDS = 1.0
"""How long a batch gathers once there is something: stores of columns want few large ones."""
POLL_SECONDS = 0.5
LAG_SECONDS = 5.0
ANSWER_SECONDS = 5.0
FIRST_SECONDS, LONGEST_SECONDS = 0.5, 30.0

AWAY = (TransientError, OperationalError, InterfaceError, ProgrammingError)
"""What a server that is away, or not brought up yet, makes of an effect: no fault of the events."""


class Taker(Protocol):
    """What events are consumed for. `name` is that of the group, `types` are those of the events that it is given."""

    @property
    def name(self) -> str: ...

    @property
    def topics(self) -> frozenset[str]: ...

    @property
    def types(self) -> frozenset[str]: ...

    def take(self, batch: Sequence[Received]) -> None:
        """Have the effect of them all, or of none. An event may come again.

        Raises:
            TransientError: not now; the same batch comes again.
            PermanentError: never; then its halves come by themselves, until the events at fault, dead letters, are found.
        """


@dataclass
class Tally:
    """What became of messages so far."""

    taken: int = 0
    passed_over: int = 0
    dead: int = 0

    def told(self) -> dict[str, int]:
        return {"taken": self.taken, "passed_over": self.passed_over, "dead_letters": self.dead}


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch as it was read."""

    events: list[tuple[Message, Received]] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    passed_over: int = 0


class EventConsumer:
    """Gives events to a taker until it is stopped."""

    def __init__(
        self, taker: Taker, client: Mapping[str, str], *, batch: int = BATCH, gather_seconds: float = GATHER_SECONDS
    ) -> None:
        self.tally = Tally()
        self._taker, self._batch, self._gather_seconds = taker, batch, gather_seconds
        group: dict[str, Any] = {**client, **CONSUMER, "group.id": _group(taker), "error_cb": _told}
        self._consumer = Consumer(group)
        self._dead_letters = DeadLetters(taker.name, client)
        self._held: list[Message] = []
        self._waits = False
        self._lag_at = 0.0

    def run(self, stop: threading.Event, *, idle_seconds: float | None = None) -> None:
        """Until `stop` is set, or for so long nothing came; what is under way is ended and said to the broker before."""
        self._consumer.subscribe(
            sorted(self._taker.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        came_at = time.monotonic()
        try:
            while not stop.is_set():
                self._gather(stop)
                self._lag_tell()
                if self._held:
                    self._see_to(stop)
                    came_at = time.monotonic()
                elif idle_seconds is not None and time.monotonic() - came_at > idle_seconds:
                    return
        finally:
            self._consumer.close()
            self._dead_letters.close()

    def _gather(self, stop: threading.Event) -> None:
        """Fill the batch: until it is full, or for a while once there is something."""
        self._keep(self._consumer.consume(self._batch, timeout=POLL_SECONDS))
        until = time.monotonic() + self._gather_seconds
        while self._held and len(self._held) < self._batch and not stop.is_set():
            left = until - time.monotonic()
            if left <= 0:
                return
            self._keep(self._consumer.consume(self._batch - len(self._held), timeout=min(left, POLL_SECONDS)))

    def _keep(self, messages: Iterable[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._held.append(message)
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError.UNKNOWN_TOPIC_OR_PART):
                logger.warning("%s reads nothing for now: %s", self._taker.name, error.str())

    def _see_to(self, stop: threading.Event) -> None:
        """Have the effect of what is held, however long that takes, and say so to the broker."""
        pause = FIRST_SECONDS
        while self._held and not stop.is_set():
            try:
                read = self._read()
                self._take(read)
            except AWAY as error:
                logger.warning("%s waits %.1f s with %d events: %s", self._taker.name, pause, len(self._held), error)
                self._wait(pause, stop)
                pause = min(2 * pause, LONGEST_SECONDS)
                continue
            self._done(read)
            return

    def _read(self) -> _Read:
        read, passed_over = _Read(), 0
        for message in self._held:
            try:
                received = received_of(message)
                if type_of(received.name) in self._taker.types:
                    known(received.name)
                    read.events.append((message, received))
                else:
                    passed_over += 1
            except PermanentError as error:
                read.dead.append(DeadLetter(message, error))
        return _Read(read.events, read.dead, passed_over)

    def _take(self, read: _Read) -> None:
        """Raises one of AWAY: some can't be taken now."""
        events = list(read.events)
        if events:
            self._take_part(read, events)
        if read.dead:
            self._dead_letters.send(read.dead)

    def _take_part(self, read: _Read, events: list[tuple[Message, Received]]) -> None:
        """Take them together; or, where one of them is at fault, half by half, until it is found and laid aside."""
        try:
            self._taker.take([received for _, received in events])
        except AWAY:
            raise
        except Exception as error:
            if len(events) > 1:
                middle = len(events) // 2
                self._take_part(read, events[:middle])
                self._take_part(read, events[middle:])
                return
            if not isinstance(error, PermanentError):
                logger.exception("%s failed unexpectedly at %s", self._taker.name, Place.of(events[0][0]))
            read.events.remove(events[0])
            read.dead.append(DeadLetter(events[0][0], _permanent(error)))

    def _done(self, read: _Read) -> None:
        """Say to the broker how far it is. Where that fails the batch comes again."""
        self.tally.taken += len(read.events)
        self.tally.dead += len(read.dead)
        self.tally.passed_over += read.passed_over
        self._count(read)
        ends = _ends(self._held)
        self._held = []
        try:
            self._consumer.commit(offsets=ends, asynchronous=False)
        except KafkaException as error:
            logger.warning("%s could not say how far it is: %s", self._taker.name, error)

    def _count(self, read: _Read) -> None:
        """For metrics."""
        name = self._taker.name
        for outcome, number in (
            ("taken", len(read.events)),
            ("passed_over", read.passed_over),
            ("dead", len(read.dead)),
        ):
            EVENTS.labels(name, outcome).inc(number)

    def _lag_tell(self) -> None:
        """For metrics: what the broker said last of the partitions that this one reads, without asking it."""
        if time.monotonic() < self._lag_at:
            return
        self._lag_at = time.monotonic() + LAG_SECONDS
        behind = 0
        for one in self._consumer.position(self._consumer.assignment()):
            _, high = self._consumer.get_watermark_offsets(one, cached=True)
            behind += max(0, high - one.offset) if one.offset >= 0 and high >= 0 else 0
        LAG.labels(self._taker.name).set(behind + len(self._held))

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        """Stay a member of the group for so long, and read nothing."""
        until = time.monotonic() + seconds
        self._waits = True
        self._pause(self._consumer.assignment())
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            message = self._consumer.poll(min(left, POLL_SECONDS))
            if message is not None and message.error() is None:
                # It was on its way when its partition was paused.
                self._held.append(message)
        self._waits = False
        # A connection that broke does not mend by itself.
        close_old_connections()
        self._consumer.resume(self._consumer.assignment())

    def _pause(self, partitions: Collection[TopicPartition]) -> None:
        if partitions:
            self._consumer.pause(list(partitions))

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        logger.info("%s reads %d more partitions", self._taker.name, len(partitions))
        consumer.incremental_assign(partitions)
        if self._waits:
            self._pause(partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """What is held of them, whose effect is not there yet, is the next owner's."""
        gone = {(one.topic, one.partition) for one in partitions}
        self._held = [one for one in self._held if (one.topic(), one.partition()) not in gone]
        consumer.incremental_unassign(partitions)


def messages_waiting(taker: Taker, client: Mapping[str, str]) -> int:
    """How many messages the taker has not had, without joining its group. Topics that nobody has made yet have none.

    Raises:
        ServiceUnavailableError: the broker does not answer.
    """
    consumer = Consumer({**client, "group.id": _group(taker), "enable.auto.commit": False, "log_level": 0})
    try:
        known = consumer.list_topics(timeout=ANSWER_SECONDS).topics
        partitions = [
            TopicPartition(topic, number)
            for topic in taker.topics & known.keys() for number in known[topic].partitions
        ]  # fmt: skip
        if not partitions:
            return 0
        return sum(_behind(consumer, one) for one in consumer.committed(partitions, timeout=ANSWER_SECONDS))
    except KafkaException as error:
        raise ServiceUnavailableError(
            f"Kafka does not answer: {error.args[0].str()}.",
            action="Check that it runs and that KAFKA_BOOTSTRAP_SERVERS is right, then try again.",
        ) from error
    finally:
        consumer.close()


def _behind(consumer: Consumer, committed: TopicPartition) -> int:
    low, high = consumer.get_watermark_offsets(committed, timeout=ANSWER_SECONDS)
    return max(0, high - (committed.offset if committed.offset >= 0 else low))


def _group(taker: Taker) -> str:
    return f"ragsite.{taker.name}"


def _ends(messages: Sequence[Message]) -> list[TopicPartition]:
    """After the last message of each partition."""
    last: dict[tuple[str, int], int] = {}
    for one in messages:
        partition = one.topic() or "", one.partition() or 0
        last[partition] = max(one.offset() or 0, last.get(partition, -1))
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]


def _permanent(error: Exception) -> PermanentError:
    if isinstance(error, PermanentError):
        return error
    return PermanentError(f"It failed unexpectedly: {type(error).__name__}: {error}", code="unexpected_error")


def _told(error: KafkaError) -> None:
    """What the client tells of the broker, which it looks for by itself."""
    logger.warning("Kafka: %s", error.str())
