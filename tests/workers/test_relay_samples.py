"""Samples travel by a stream of Redis: to Kafka where all is well, and nowhere, counted, where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import pytest
import redis
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from apps.documents.events import DocumentDeleted
from ragsite.core import samples
from ragsite.core.error_events import error_tell
from ragsite.core.events import Event, InstallationEvent, event
from ragsite.core.ids import new_id
from ragsite.core.request_ids import in_request
from ragsite.core.samples import SKIPPED, STREAM, Sample, SampleSender, sample_sender, sample_tell, samples_client
from ragsite.core.transport import NO_KAFKA
from ragsite.stack import ports
from tests.acting import ACTOR
from tests.events import assert_fits, knowing
from tests.waiting import wait_for
from workers.relay import Relay
from workers.relay_measuring import EVENTS, LAG, STREAM_WAY
from workers.relay_samples import GROUP, SampleRelay
from workers.relay_sending import PARTITIONS, PRODUCER, Sending

pytestmark = pytest.mark.servers

with knowing():

    @event("error.tested", key="error_id", is_act=False)
    class ErrorTested(InstallationEvent):
        """An error of the tests."""

        error_id: UUID
        number: int


@pytest.fixture(autouse=True)
def stream() -> Iterator[redis.Redis]:
    with samples_client(os.environ["REDIS_URL"]) as client:
        client.delete(STREAM)
        yield client
        client.delete(STREAM)


@pytest.fixture
def relay() -> SampleRelay:
    kafka = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}
    with closing(Relay(kafka)) as of_outbox:
        of_outbox._topics_ensure()
    return SampleRelay(Sending(kafka), os.environ["REDIS_URL"])


def told() -> None:
    assert sample_sender(os.environ["REDIS_URL"]).flush(10)


def published(relay: SampleRelay) -> None:
    """All that is in the stream."""
    relay._group_make()
    while relay._client.xlen(STREAM):
        assert relay.publish()


def found(key: str, number: int) -> list[dict[str, Any]]:
    config = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "samples-test"}
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition("ragsite.error", one, OFFSET_BEGINNING) for one in range(PARTITIONS)])
        seen: list[dict[str, Any]] = []

        def all_there() -> bool:
            messages = [json.loads(m.value()) for m in consumer.consume(200, timeout=0.3) if m.error() is None]
            seen.extend(one for one in messages if one["partitionkey"] == key)
            return len(seen) >= number

        wait_for(all_there, seconds=20, what="the samples on the topic")
    return seen


def skipped(reason: str) -> float:
    return float(SKIPPED.labels(reason)._value.get())


def test_a_sample_is_an_event_like_any_other_to_who_hears_of_it_and_leaves_the_stream(
    relay: SampleRelay, stream: redis.Redis
) -> None:
    sent, seen = EVENTS.labels(STREAM_WAY, "sent")._value.get(), LAG.labels(STREAM_WAY)._sum.get()
    with in_request("r-17"):
        error_tell("internal_error", place="GET /here/<uuid:pk>/", kind="ZeroDivisionError")
    told()
    published(relay)
    key = str(json.loads(Sample(_error("internal_error"), {}).line())["key"])
    (envelope,) = found(key, 1)[-1:]
    assert_fits("error.occurred", envelope["data"])
    assert (envelope["type"], envelope["data"]["request_id"]) == ("error.occurred", "r-17")
    assert (envelope["actorkind"], len(envelope["sequence"])) == ("system", 20)
    assert "name" not in json.dumps(envelope).replace("error", "")
    assert EVENTS.labels(STREAM_WAY, "sent")._value.get() == sent + 1
    assert LAG.labels(STREAM_WAY)._sum.get() > seen
    assert stream.xpending(STREAM, GROUP)["pending"] == 0


def _error(code: str) -> Event:
    """As `error_tell` makes it."""
    kept: list[Event] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ragsite.core.error_events.sample_tell", lambda told, actor: kept.append(told))
        error_tell(code, place="GET /here/<uuid:pk>/", kind="ZeroDivisionError")
    return kept[0]


def test_samples_of_a_key_arrive_in_their_order_and_what_a_dead_relay_had_in_hand_is_sent_by_the_next(
    relay: SampleRelay, stream: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRODUCER, "delivery.timeout.ms", 1_000)
    key = new_id()
    with knowing(ErrorTested):
        for number in range(5):
            sample_tell(ErrorTested(error_id=key, number=number), actor=ACTOR)
        told()
        dead = SampleRelay(Sending({"bootstrap.servers": f"127.0.0.1:{ports.find_free()}"}), os.environ["REDIS_URL"])
        dead._group_make()
        dead._from = ">"
        assert not dead.publish(), "its broker is away"
        assert (stream.xlen(STREAM), stream.xpending(STREAM, GROUP)["pending"]) == (5, 5)
        published(relay)
    envelopes = found(str(key), 5)
    assert [one["data"]["number"] for one in envelopes] == [0, 1, 2, 3, 4]
    assert [one["sequence"] for one in envelopes] == sorted(one["sequence"] for one in envelopes)


def test_while_redis_is_away_samples_are_lost_and_counted_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(samples, "MOST_HELD", 3)
    away = SampleSender(samples_client(f"redis://127.0.0.1:{ports.find_free()}/0"))
    before = skipped("redis") + skipped("full")
    for _ in range(50):
        away.tell(Sample(_error("e"), {}))
    assert away.flush(10)
    assert skipped("redis") + skipped("full") == before + 50
    assert skipped("full") > 0


def test_a_sample_that_is_none_is_refused_or_lost_alone_and_the_others_go(stream: redis.Redis, settings: Any) -> None:
    act = DocumentDeleted(tenant_id=new_id(), knowledge_base_id=new_id(), document_id=new_id())
    with pytest.raises(ValueError, match=r"document\.deleted tells of what somebody did"):
        sample_tell(act, actor=ACTOR)
    with knowing(ErrorTested):
        sample_tell(ErrorTested(error_id=new_id(), number="five"), actor=ACTOR)  # type: ignore[arg-type]
        told()
        sample_tell(ErrorTested(error_id=new_id(), number=5), actor=ACTOR)
        told()
    assert stream.xlen(STREAM) == 1
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    with knowing(ErrorTested):
        sample_tell(ErrorTested(error_id=new_id(), number=6), actor=ACTOR)
    told()
    assert stream.xlen(STREAM) == 1


def test_the_stream_keeps_the_newest_and_a_redis_that_forgot_all_is_no_hindrance(
    relay: SampleRelay, stream: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MOST_KEPT", 100)
    sender = SampleSender(samples_client(os.environ["REDIS_URL"]))
    for _ in range(600):
        sender.tell(Sample(_error("e"), {}))
    assert sender.flush(10)
    assert 100 <= stream.xlen(STREAM) < 300
    stream.flushdb()
    with pytest.raises(redis.ResponseError):
        relay.publish()
    published(relay)
    assert relay._entries() == []
