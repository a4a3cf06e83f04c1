"""The broker goes and comes while work goes on: each change is one event to who drops repeated ids, in order per key."""

from __future__ import annotations

import json
import os
import random
import signal
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event as Stop
from threading import Thread
from typing import cast
from uuid import UUID

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from django.db import connection, transaction
from django.db.models.functions import Now

from ragsite.core.events import DEAD_LETTERS, Event, event, topics
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from ragsite.core.outbox import emit
from ragsite.stack.broker import BrokerServer
from ragsite.stack.stack import Stack
from tests.acting import ACTOR
from tests.events import knowing
from tests.mock_kafka import (
    COORDINATOR_LOADING,
    LEADER_NOT_AVAILABLE,
    NOT_ENOUGH_REPLICAS,
    NOT_LEADER,
    REQUEST_TIMED_OUT,
    TRANSPORT,
    MockKafka,
    mock_kafka,
)
from tests.servers import own_folder
from tests.waiting import wait_for
from workers import relay_session
from workers.relay import Relay
from workers.relay_sending import PARTITIONS, PRODUCER, Sending

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]
TOPIC = "ragsite.document"
KEYS = 12

with knowing():

    @event("document.counted", key="document_id")
    class DocumentCounted(Event):
        """A change of a document, by its number."""

        document_id: UUID
        number: int


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCER, "delivery.timeout.ms", 1_000)
    monkeypatch.setitem(PRODUCER, "topic.metadata.propagation.max.ms", 500)
    monkeypatch.setitem(PRODUCER, "reconnect.backoff.max.ms", 200)
    monkeypatch.setattr(relay_session, "BACKOFF_MAX_SECONDS", 0)


class Work:
    """Changes to documents, from a thread, until it is stopped."""

    def __init__(self) -> None:
        self.told: dict[str, list[str]] = defaultdict(list)
        self._stop, self._keys = Stop(), [new_id() for _ in range(KEYS)]
        self._thread = Thread(target=self._run)

    def __enter__(self) -> Work:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def number(self) -> int:
        return sum(map(len, self.told.values()))

    def _run(self) -> None:
        chance = random.Random(3)
        try:
            while not self._stop.wait(0.005):
                key = chance.choice(self._keys)
                changed = DocumentCounted(tenant_id=new_id(), document_id=key, number=len(self.told[str(key)]))
                with transaction.atomic():
                    (row,) = emit(changed, actor=ACTOR)
                self.told[str(key)].append(str(row.event_id))
        finally:
            connection.close()


@contextmanager
def relaying(address: str) -> Iterator[None]:
    """A relay that runs beside."""
    relay, stop = Relay({"bootstrap.servers": address, "log_level": "0"}), Stop()
    thread = Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def heard(address: str, told: dict[str, list[str]], *, seconds: float) -> dict[str, list[str]]:
    """By key the events that arrived, in their order, each once: as a consumer has them that drops repeated ids."""
    wanted = {one for ids in told.values() for one in ids}
    seen: dict[str, list[str]] = defaultdict(list)
    with closing(Consumer({"bootstrap.servers": address, "group.id": "faults", "log_level": 0})) as consumer:
        consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])

        def all_came() -> bool:
            for message in consumer.consume(500, timeout=0.3):
                if message.error() is None:
                    envelope = json.loads(cast(bytes, message.value()))
                    if envelope["id"] not in seen[envelope["partitionkey"]]:
                        seen[envelope["partitionkey"]].append(envelope["id"])
            return wanted <= {one for ids in seen.values() for one in ids}

        wait_for(all_came, seconds=seconds, what="every change")
    return seen


def all_sent() -> bool:
    return not OutboxEvent.objects.filter(sent_at=None).exists()


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockKafka]:
    """Its topics are there, and it makes none when it is asked to."""
    monkeypatch.setattr(Sending, "topics_ensure", lambda *_: None)
    with mock_kafka({*topics(), DEAD_LETTERS}, partitions=PARTITIONS) as made:
        yield made


def test_a_broker_that_goes_and_comes_under_load_gets_every_change_once_and_in_order_per_key(kafka: MockKafka) -> None:
    with relaying(kafka.address), Work() as work:
        for _ in range(3):
            before = work.number
            wait_for(lambda before=before: work.number > before + 15, seconds=30, what="work goes on")
            kafka.go()
            away = work.number
            wait_for(lambda away=away: work.number > away + 15, seconds=30, what="work goes on without a broker")
            kafka.come_back()
        work.__exit__()
        wait_for(all_sent, seconds=60, what="it catches up")
        assert heard(kafka.address, work.told, seconds=30) == work.told
    assert not OutboxEvent.objects.exclude(error="").exists(), "none was given up"


def test_errors_that_pass_lose_nothing_double_nothing_and_keep_the_order(kafka: MockKafka) -> None:
    passing = (NOT_LEADER, LEADER_NOT_AVAILABLE, NOT_ENOUGH_REPLICAS, REQUEST_TIMED_OUT, COORDINATOR_LOADING, TRANSPORT)
    with relaying(kafka.address), Work() as work:
        for code in passing:
            before = work.number
            kafka.refuse(code, code)
            wait_for(lambda before=before: work.number > before + 10, seconds=30, what="work goes on")
        work.__exit__()
        wait_for(all_sent, seconds=60, what="it catches up")
        assert heard(kafka.address, work.told, seconds=30) == work.told
    assert not OutboxEvent.objects.exclude(error="").exists(), "none was given up"


def test_a_broker_killed_under_load_again_and_again_has_afterwards_what_it_had_not_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All that this broker holds is in memory; so what it has after its last start is what counts."""
    elsewhere = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": os.environ["REDIS_URL"]}
    monkeypatch.setattr("workers.relay.TOPICS_SECONDS", 0.5)
    with own_folder() as folder, Stack(folder / "stack", elsewhere).session():
        broker = cast(BrokerServer, Stack(folder / "stack", elsewhere).server("broker"))
        with relaying(broker.address), Work() as work:
            for _ in range(3):
                before = work.number
                wait_for(lambda before=before: work.number > before + 20, seconds=30, what="work goes on")
                assert broker.pid
                os.kill(broker.pid, signal.SIGKILL)
                wait_for(lambda: not broker.is_running(), seconds=10, what="its end")
                broker.start_again()
            work.__exit__()
            OutboxEvent.objects.filter(sent_at=None).update(not_before=Now())
            wait_for(all_sent, seconds=60, what="it catches up")
            kept = Work()
            with kept:
                wait_for(lambda: kept.number > 20, seconds=30, what="work goes on")
            wait_for(all_sent, seconds=60, what="the rest")
            found = heard(broker.address, kept.told, seconds=30)
            assert {key: found[key] for key in kept.told} == kept.told
    assert not OutboxEvent.objects.exclude(error="").exists(), "none was given up"
