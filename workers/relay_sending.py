"""What the relay has of Kafka: topics that exist, and messages that arrive, or the reason why they did not."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloudevents.core.bindings.kafka import KafkaMessage
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from workers.relay_tracing import sent

logger = logging.getLogger(__name__)

PARTITIONS = 6
ADMIN_SECONDS = 2.0
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


class Sending:
    """A producer that is made anew where that is needed."""

    def __init__(self, client: Mapping[str, str]) -> None:
        self._config: dict[str, str | int | float | bool] = dict(client)
        self._producer = Producer(self._config | PRODUCER)

    def send(self, messages: Sequence[tuple[int, str, KafkaMessage]]) -> dict[int, Refusal]:
        """Produce the messages, each with its id and topic, and wait for all delivery reports; by id the refusal of each that
        failed.
        """
        failed = {id_: Refusal("no delivery report") for id_, _, _ in messages}
        for id_, topic, message in messages:
            self._produce(id_, topic, message, failed)
        try:
            self._producer.flush()
        except (KafkaException, SystemError) as error:
            # An error that ends the producer is raised by whatever is called next, be it within the report of a delivery.
            logger.warning("the producer ended: %s", error)
        return failed

    def connect_again(self) -> None:
        """A new producer. One whose broker lost its memory never delivers again: the sequence of messages that it goes on with is
        unknown there.
        """
        self._producer = Producer(self._config | PRODUCER)

    def end(self) -> None:
        """Give what is under way some seconds."""
        self._producer.flush(10)

    def topics_missing(self, wanted: Iterable[str]) -> bool:
        """Whether the broker lacks some of these topics; False of one that is away, which is met again at the next delivery."""
        try:
            there = AdminClient(self._config | {"log_level": 0}).list_topics(timeout=ADMIN_SECONDS).topics
        except KafkaException:
            return False
        return not set(wanted) <= there.keys()

    def topics_ensure(self, wanted: Iterable[str]) -> None:
        """Make the topics that are missing. A broker that is away is met again at the next delivery."""
        admin = AdminClient(self._config)
        made = admin.create_topics(
            [NewTopic(name, num_partitions=PARTITIONS) for name in sorted(wanted)], request_timeout=5
        )
        for name, future in made.items():
            try:
                future.result()
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    logger.warning("topic %s was not made: %s", name, error)

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
