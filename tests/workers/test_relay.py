from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from threading import Event as Stop
from threading import Thread
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from ragsite.core.actors import Actor
from ragsite.core.events import DEAD_LETTERS, Event, event, topics
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from ragsite.core.outbox import dead_letters, emit
from ragsite.stack import ports
from ragsite.stack.broker import BrokerServer
from ragsite.stack.stack import Stack
from tests.acting import ACTOR, user
from tests.events import knowing
from tests.servers import own_folder
from tests.waiting import wait_for
from workers.relay import BATCH, TRIES, Relay
from workers.relay_sending import PARTITIONS, PRODUCER
from workers.relay_session import LOCK_BASE

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


with knowing():

    @event("document.touched", key="document_id")
    class DocumentTouched(Event):
        """A document was touched. Forgotten at once, so it is published like an old row whose class is gone."""

        document_id: UUID
        number: int


with knowing():

    @event("document.touched", key="document_id", version=2, topic="ragsite.relay_test")
    class DocumentTouchedAgain(Event):
        """Another version of it, on a topic of its own."""

        document_id: UUID


@pytest.fixture
def relay() -> Iterator[Relay]:
    made = Relay({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    made._topics_ensure()
    yield made
    made.close()


@pytest.fixture
def broker() -> Iterator[BrokerServer]:
    """A broker of the test's own, which may be killed."""
    elsewhere = {"DATABASE_URL": os.environ["DATABASE_URL"], "REDIS_URL": os.environ["REDIS_URL"]}
    with own_folder() as folder:
        stack = Stack(folder / "stack", elsewhere)
        with stack.session():
            yield cast(BrokerServer, stack.server("broker"))


def forget(broker: BrokerServer) -> None:
    """Kill the broker: all it holds is in memory."""
    assert broker.pid
    os.kill(broker.pid, signal.SIGKILL)
    wait_for(lambda: not broker.is_running(), seconds=10, what="the broker's end")


def partitions(broker: BrokerServer) -> dict[str, int]:
    found = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=5).topics
    return {name: len(topic.partitions) for name, topic in found.items()}


def tell(document: UUID, number: int) -> OutboxEvent:
    with transaction.atomic():
        return emit(DocumentTouched(tenant_id=new_id(), document_id=document, number=number), actor=ACTOR)[0]


def publish_all(relay: Relay) -> None:
    while relay.publish():
        pass


def published(ids: set[str], topic: str = "ragsite.document") -> list[dict[str, Any]]:
    """The events with these ids as they stand on the topic, repeats included."""
    consumer = Consumer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "relay-test"})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    found: list[dict[str, Any]] = []

    def all_there() -> bool:
        found.extend(json.loads(m.value()) for m in consumer.consume(200, timeout=0.3) if m.error() is None)
        return ids <= {event["id"] for event in found}

    try:
        wait_for(all_there, seconds=20, what="the events on the topic")
    finally:
        consumer.close()
    return [event for event in found if event["id"] in ids]


def test_events_arrive_as_cloud_events_in_order_per_key_and_are_marked_as_sent(relay: Relay) -> None:
    documents = [new_id() for _ in range(5)]
    rows = [tell(document, number) for number in range(4) for document in documents]
    publish_all(relay)
    assert OutboxEvent.objects.filter(sent_at=None).count() == 0
    events = published({str(row.event_id) for row in rows})
    assert len(events) == len(rows)
    for document in documents:
        of_key = [event for event in events if event["partitionkey"] == str(document)]
        assert [event["data"]["number"] for event in of_key] == [0, 1, 2, 3]
        assert [event["sequence"] for event in of_key] == sorted(event["sequence"] for event in of_key)
    assert events[0]["specversion"] == "1.0"
    assert (events[0]["type"], events[0]["source"]) == ("document.touched", "/ragsite")
    assert events[0]["dataschema"] == "urn:ragsite:event:document.touched:1"


def test_a_version_of_an_event_goes_to_its_own_topic_and_names_its_own_schema(relay: Relay) -> None:
    with knowing(DocumentTouchedAgain):
        relay._topics_ensure()
        with transaction.atomic():
            (row,) = emit(DocumentTouchedAgain(tenant_id=new_id(), document_id=new_id()), actor=ACTOR)
        publish_all(relay)
    told = published({str(row.event_id)}, "ragsite.relay_test")[0]
    assert (told["type"], told["dataschema"]) == ("document.touched.v2", "urn:ragsite:event:document.touched:2")


def test_an_event_says_who_acted_by_id_and_in_which_request_and_never_by_name(relay: Relay) -> None:
    ada = replace(user("ada@example.org"), id="7", request_id="r-1")
    with transaction.atomic():
        told = emit(DocumentTouched(tenant_id=new_id(), document_id=new_id(), number=0), actor=ada)
        job = emit(DocumentTouched(tenant_id=new_id(), document_id=new_id(), number=0), actor=Actor.of_job("embed"))
        before = emit(DocumentTouched(tenant_id=new_id(), document_id=new_id(), number=0), actor=ada)
    OutboxEvent.objects.filter(pk=before[0].pk).update(actor=None)
    rows = [str(row.event_id) for row in (*told, *job, *before)]
    publish_all(relay)
    events = {event["id"]: event for event in published(set(rows))}
    names = ("actorkind", "actorid", "actordoor", "requestid")
    assert [[events[row].get(name) for name in names] for row in rows] == [
        ["user", "7", "admin", "r-1"], ["system", "embed", "job", None], [None, None, None, None],
    ]  # fmt: skip
    assert "ada" not in json.dumps(events[rows[0]])


def test_a_key_whose_event_cannot_be_delivered_waits_and_the_others_go_on(relay: Relay) -> None:
    blocked, free = new_id(), new_id()
    with transaction.atomic():
        (too_large,) = emit(DocumentTouched(tenant_id=new_id(), document_id=blocked, number=0), actor=ACTOR)
        OutboxEvent.objects.filter(pk=too_large.pk).update(payload={"bulk": os.urandom(3_000_000).hex()})
    after, other = tell(blocked, 1), tell(free, 0)
    publish_all(relay)
    too_large.refresh_from_db()
    after.refresh_from_db()
    other.refresh_from_db()
    assert other.sent_at is not None
    assert (too_large.sent_at, after.sent_at) == (None, None)
    assert too_large.attempts == 1
    assert "large" in too_large.error.lower()


def test_while_the_broker_is_away_events_stay_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRODUCER, "delivery.timeout.ms", 1_000)
    monkeypatch.setitem(PRODUCER, "socket.timeout.ms", 500)
    relay = Relay({"bootstrap.servers": f"127.0.0.1:{ports.find_free()}"})
    row = tell(new_id(), 0)
    assert relay.publish() == 0
    row.refresh_from_db()
    assert (row.sent_at, row.attempts) == (None, 1)
    assert row.error
    relay.close()


def test_a_broker_that_lost_its_memory_gets_its_topics_back_and_what_was_under_way_to_it(
    broker: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRODUCER, "topic.metadata.propagation.max.ms", 500)
    monkeypatch.setitem(PRODUCER, "delivery.timeout.ms", 5_000)
    with closing(Relay({"bootstrap.servers": broker.address})) as relay:
        relay._topics_look()
        tell(new_id(), 0)
        assert relay.publish() == 1
        forget(broker)
        row = tell(new_id(), 1)
        sending = Thread(target=relay.publish)
        sending.start()
        broker.start_again()
        sending.join()

        def arrived() -> bool:
            OutboxEvent.objects.update(not_before=Now())
            relay.publish()
            row.refresh_from_db()
            return row.sent_at is not None

        wait_for(arrived, seconds=20, what="what was under way")
        assert partitions(broker) == dict.fromkeys({*topics(), DEAD_LETTERS}, PARTITIONS)


def test_topics_are_made_again_before_anything_is_published(broker: BrokerServer) -> None:
    with closing(Relay({"bootstrap.servers": broker.address})) as relay:
        relay._topics_look()
        forget(broker)
        broker.start_again()
        relay._look_for_topics_at = 0.0
        relay._topics_look()
    assert partitions(broker) == dict.fromkeys({*topics(), DEAD_LETTERS}, PARTITIONS)


def test_a_shard_is_served_by_one_relay_at_a_time(relay: Relay) -> None:
    other = Relay({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    tell(new_id(), 0)
    assert (other.publish(), relay.publish()) == (1, 0)
    tell(new_id(), 0)
    assert relay.publish() == 0
    other.close()  # The server learns of it a moment later, and only then is the shard free.
    wait_for(lambda: relay.publish() == 1, seconds=10, what="the other relay's shard")


def test_a_relay_whose_session_dies_gives_up_its_shards_and_takes_them_again(relay: Relay) -> None:
    tell(new_id(), 0)
    assert relay.publish() == 1
    row = tell(new_id(), 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid >= %s", [LOCK_BASE]
        )
    with pytest.raises(psycopg.OperationalError):
        relay.publish()
    relay.close()
    assert relay.publish() == 1
    row.refresh_from_db()
    assert row.sent_at is not None


def too_large(row: OutboxEvent) -> None:
    OutboxEvent.objects.filter(pk=row.pk).update(payload={"bulk": os.urandom(3_000_000).hex()})


def test_of_a_key_nothing_is_tried_after_what_failed_and_a_failure_waits_longer_each_time(relay: Relay) -> None:
    document = new_id()
    first, failing, last = (tell(document, number) for number in range(3))
    too_large(failing)
    waits = []
    for attempts in range(1, TRIES):
        OutboxEvent.objects.update(not_before=Now())
        relay.publish()
        row = OutboxEvent.objects.annotate(wait=F("not_before") - Now()).get(pk=failing.pk)
        assert row.attempts == attempts
        waits.append(round(row.wait.total_seconds()))
    assert waits == [1, 2]
    last.refresh_from_db()
    assert (last.sent_at, last.attempts, last.error) == (None, 0, "")
    first.refresh_from_db()
    assert first.sent_at is not None


def test_an_event_that_the_broker_never_takes_is_a_dead_letter_with_its_reason_and_can_be_sent_again(
    relay: Relay,
) -> None:
    document = new_id()
    failing, last = tell(document, 0), tell(document, 1)
    OutboxEvent.objects.filter(pk=failing.pk).update(attempts=TRIES - 1)
    too_large(failing)
    publish_all(relay)
    assert list(dead_letters()) == [failing]
    last.refresh_from_db()
    assert last.sent_at is not None
    assert last.error == ""
    letter, headers = buried(str(failing.event_id))
    assert (letter["type"], letter["partitionkey"], letter["data"]) == ("document.touched", str(document), {})
    assert (headers["topic"], headers["attempts"]) == ("ragsite.document", str(TRIES))
    assert "large" in headers["reason"].lower()
    OutboxEvent.objects.filter(pk=failing.pk).update(payload={"number": 0})
    listed, again = StringIO(), StringIO()
    call_command("events", "dead-letters", "--json", stdout=listed)
    assert [one["id"] for one in json.loads(listed.getvalue())] == [str(failing.event_id)]
    call_command("events", "send-again", "--event", str(failing.event_id), "--json", stdout=again)
    assert json.loads(again.getvalue()) == {"events": 1}
    publish_all(relay)
    assert [event["data"] for event in published({str(failing.event_id)})] == [{"number": 0}]
    assert not dead_letters().exists()


def buried(event_id: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The dead letter of an event, and the headers that say why."""
    with closing(
        Consumer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "buried"})
    ) as consumer:
        consumer.assign([TopicPartition(DEAD_LETTERS, p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
        found: list[Any] = []

        def is_there() -> bool:
            found.extend(
                m for m in consumer.consume(50, timeout=0.3) if not m.error() and event_id in m.value().decode()
            )
            return bool(found)

        wait_for(is_there, seconds=20, what="the dead letter")
    return json.loads(found[0].value()), {name: value.decode() for name, value in found[0].headers()}


class Pauses(Stop):
    """Notes how long it is waited on, and lets nobody wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return False


def test_an_event_after_a_pause_leaves_at_once_and_those_that_follow_are_gathered(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.relay.GATHER_SECONDS", 600.0)  # on a busy machine, too, the second comes sooner
    pauses = Pauses()
    relay._session.shards()
    for was_a_pause in (True, False):
        relay._published_at = -math.inf if was_a_pause else relay._published_at
        tell(new_id(), 0)
        with patch.object(relay, "publish", return_value=0):
            relay._publish_or_wait(pauses)
        assert relay.publish() == 1
    at_once, gathered = pauses.seconds
    assert at_once == 0.0
    assert 0.0 < gathered <= 600.0


def test_a_batch_ends_with_the_event_that_makes_it_large_and_the_next_follows_at_once(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.relay.BATCH_BYTES", 3_000)
    for number in range(5):
        row = tell(new_id(), number)
        OutboxEvent.objects.filter(pk=row.pk).update(payload={"bulk": os.urandom(500).hex()})
    with patch.object(relay._session, "wait", side_effect=AssertionError("It waits, though there is more.")):
        relay._publish_or_wait(Stop())
    assert OutboxEvent.objects.exclude(sent_at=None).count() == 3
    assert relay.publish() == 2
    assert not relay._is_more_there


def test_a_key_that_waits_does_not_fill_the_batch_of_the_others(relay: Relay) -> None:
    blocked = new_id()
    with transaction.atomic():
        rows = emit(
            *(DocumentTouched(tenant_id=new_id(), document_id=blocked, number=n) for n in range(BATCH + 1)), actor=ACTOR
        )
    OutboxEvent.objects.filter(pk=rows[0].pk).update(attempts=1, not_before=Now() + timedelta(hours=1))
    tell(new_id(), 0)
    assert relay.publish() == 1
