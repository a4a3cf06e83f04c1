from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from apps.monitoring.analytics.facts import Told
from apps.monitoring.analytics.keeping import Keeper
from apps.monitoring.analytics.reports.answers import model_costs
from apps.monitoring.analytics.store import AnalyticsRowError, AnalyticsStore, AnalyticsUnavailableError
from ragsite.core.consuming.consumer import EventConsumer, messages_waiting
from ragsite.core.events import DEAD_LETTERS
from ragsite.core.ids import new_id
from tests.apps.monitoring.analytics.happening import asked, span
from tests.apps.monitoring.analytics.test_reports import scope
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers]
QUESTIONS = 40


class Stumbling:
    """The store, away at the first two tries, and never able to read rows of one query."""

    def __init__(self, store: AnalyticsStore, poison: UUID) -> None:
        self._store, self._poison, self.tries = store, str(poison).encode(), 0

    def insert(self, table: str, lines: bytes, *, token: str) -> None:
        self.tries += 1
        if self.tries <= 2:
            raise AnalyticsUnavailableError("It is away.")
        if self._poison in lines:
            raise AnalyticsRowError("It does not fit.")
        self._store.insert(table, lines, token=token)

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        return self._store.rows(sql, parameters)

    def command(self, sql: str, parameters: Mapping[str, Any] = {}) -> None:
        self._store.command(sql, parameters)

    def close(self) -> None:
        """It is the session's."""


@pytest.fixture(scope="module")
def client() -> dict[str, str]:
    """The session's broker, with the topics of answers."""
    client = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
    admin = AdminClient(client)
    wanted = [
        NewTopic(topic, num_partitions=6) for topic in ("ragsite.query", "ragsite.generation", "ragsite.retrieval")
    ]
    for future in admin.create_topics(wanted).values():
        future.exception()
    return client


def message(told: Told, **changed: Any) -> tuple[str, bytes]:
    event = told.event
    envelope = {
        "id": str(told.event_id), "source": "/ragsite", "type": event.name, "time": told.at.isoformat(),
        "tenant": str(event.tenant_id), "sequence": f"{told.sequence:020d}", "data": event.payload(),
    }  # fmt: skip
    return event.topic, json.dumps(envelope | changed).encode()


def send(client: Mapping[str, str], messages: list[tuple[str, bytes]]) -> None:
    producer = Producer(dict(client))
    for topic, body in messages:
        producer.produce(topic, body, b"one key")
    assert producer.flush(10) == 0


@contextmanager
def consuming(store: AnalyticsStore, client: Mapping[str, str]) -> Iterator[EventConsumer]:
    consumer, stop = EventConsumer(Keeper(store), client, gather_seconds=0.2), threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    try:
        yield consumer
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def letters(client: Mapping[str, str], enough: Callable[[list[dict[str, str]]], bool]) -> list[dict[str, str]]:
    """The headers of dead letters, once there are enough of them."""
    reader = Consumer({**client, "group.id": "letters"})
    reader.assign([TopicPartition(DEAD_LETTERS, number, OFFSET_BEGINNING) for number in range(6)])
    found: list[dict[str, str]] = []

    def read() -> bool:
        came = [one for one in reader.consume(100, timeout=0.3) if one.error() is None]
        told = ({name: value.decode() for name, value in one.headers()} for one in came)
        # Those of the relay come to the same topic.
        found.extend(one for one in told if "consumer" in one)
        return enough(found)

    try:
        wait_for(read, seconds=20, what="the dead letters")
    finally:
        reader.close()
    return found


def test_all_that_fits_is_kept_what_never_fits_is_laid_aside_and_what_is_away_is_waited_for(
    store: AnalyticsStore, client: dict[str, str]
) -> None:
    tenant, base, poison = new_id(), new_id(), new_id()
    told = [one for _ in range(QUESTIONS) for one in asked(tenant, base, span(base, new_id()))]
    poisoned = asked(tenant, base, query=poison)[0]
    newer, stranger = (message(told[0], type=name) for name in ("query.processed.v9", "query.dreamt"))
    send(client, [*map(message, told), message(poisoned), newer, stranger, ("ragsite.query", b"nonsense")])
    # The embedded broker counts the last batch of a partition as one message.
    assert messages_waiting(Keeper(store), client) > 0
    stumbling = Stumbling(store, poison)
    with consuming(stumbling, client) as consumer:
        wait_for(lambda: consumer.tally.dead >= 3, seconds=90, what="the dead letters")
        wait_for(lambda: consumer.tally.taken >= 3 * QUESTIONS, seconds=60, what="the events")
    assert consumer.tally.passed_over >= 1
    assert stumbling.tries > 2
    assert [one.answers for one in model_costs(store, scope(tenant))] == [QUESTIONS]
    found = letters(client, lambda some: len(some) >= 3)
    assert {(one["consumer"], one["code"]) for one in found} >= {
        ("analytics", "unknown_event"), ("analytics", "invalid_event"), ("analytics", "invalid_row"),
    }  # fmt: skip
    assert messages_waiting(Keeper(store), client) == 0
