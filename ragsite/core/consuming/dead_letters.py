"""Messages that a consumer can't take, on a topic of their own with the reason: those behind them go on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ragsite.core.consuming.messages import Message, Place
from ragsite.core.errors import RagError, TransientError
from ragsite.core.events import DEAD_LETTERS

logger = logging.getLogger(__name__)

PARTITIONS = 6
KEPT_MILLISECONDS = 30 * 86_400_000
FLUSH_SECONDS = 10.0
PRODUCER: Mapping[str, str | int | bool] = {
    "enable.idempotence": True, "acks": "all", "delivery.timeout.ms": 8_000, "linger.ms": 10, "compression.type": "zstd",
    "allow.auto.create.topics": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message as it came, and why it could not be taken."""

    message: Message
    error: RagError

    def headers(self, consumer: str) -> dict[str, str | bytes | None]:
        """Where it stood, who could not take it, and why, beside the headers that it had."""
        place = Place.of(self.message)
        said = {
            "consumer": consumer, "topic": place.topic, "partition": str(place.partition), "offset": str(place.offset),
            "code": self.error.error_code, "reason": self.error.sentence,
        }  # fmt: skip
        own = dict(self.message.headers() or [])
        return {**own, **{name: text.encode() for name, text in said.items()}}


class DeadLetters:
    """The topic of them, of one consumer. Its client is made when the first one is sent."""

    def __init__(self, consumer: str, client: Mapping[str, str]) -> None:
        self._consumer, self._client = consumer, dict(client)
        self._producer: Producer | None = None

    def send(self, letters: Iterable[DeadLetter]) -> None:
        """Returns once all have arrived; sent again, one stands there twice.

        Raises:
            TransientError: some have not arrived.
        """
        lost: list[str] = []

        def report(error: KafkaError | None, _: object) -> None:
            if error is not None:
                lost.append(error.str())

        producer = self._open()
        for letter in letters:
            logger.error("%s is a dead letter: %s", Place.of(letter.message), letter.error.sentence)
            try:
                producer.produce(
                    DEAD_LETTERS, letter.message.value(), letter.message.key(),
                    headers=letter.headers(self._consumer), on_delivery=report,
                )  # fmt: skip
            except (KafkaException, BufferError) as error:
                lost.append(str(error))
        undelivered = producer.flush(FLUSH_SECONDS)
        if undelivered or lost:
            # One that ended, or whose broker lost its memory, never delivers again.
            self._producer = None
            raise TransientError(f"Dead letters were not delivered: {lost[0] if lost else 'the broker is silent'}.")

    def close(self) -> None:
        """Let go of the client."""
        self._producer = None

    def _open(self) -> Producer:
        if self._producer is None:
            _topic_ensure(self._client)
            self._producer = Producer({**self._client, **PRODUCER})
        return self._producer


def _topic_ensure(client: Mapping[str, str]) -> None:
    """Make the topic if it is missing. A broker that is away is met again at the delivery."""
    wanted = NewTopic(DEAD_LETTERS, num_partitions=PARTITIONS, config={"retention.ms": str(KEPT_MILLISECONDS)})
    # It must live as long as what it was asked for is not there.
    admin = AdminClient(dict(client))
    for future in admin.create_topics([wanted], request_timeout=5).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                logger.warning("the topic %s was not made: %s", DEAD_LETTERS, error)
