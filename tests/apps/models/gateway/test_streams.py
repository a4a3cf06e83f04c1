"""Pieces on their way from a model worker through Redis; what travels by Celery is in the contracts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.client import PubSub

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import (
    Deadline,
    ModelCall,
    Purpose,
    channel,
    generate,
    lifeline,
    queue,
    remote,
    renewing,
    stream_start,
    streaming,
)
from apps.models.gateway.calls import TRANSPORTS, using_transport
from apps.models.gateway.channel import PREFIX, Channel
from apps.models.gateway.queue import QueueTransport
from apps.models.gateway.remote import model_stream
from apps.models.gateway.renewing import Renewal
from apps.models.gateway.wire import encode_error
from apps.models.generation import Conversation, Finish, GeneratedText, GenerationEnd, Message, Role, piece_encode
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.kinds import KINDS
from ragsite.core.audience import Client, ClientLeft, working_for
from ragsite.core.configuration import ServerSettings
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.django_db]

PATIENCE = 30.0
SAID = (Message(Role.USER, "Who pays the rent?"),)
END = piece_encode(GenerationEnd(Finish.STOP, 4, 3))


class Worker:
    """Celery without Celery: what is sent is begun at once. It writes what a test gives it to write, when it is let."""

    def __init__(self) -> None:
        self.words = [f"word{number} " for number in range(50)]
        self.last: list[dict[str, Any]] = [END]
        self.may_go_on = threading.Semaphore(0)
        self.is_there = True
        self.hangs = False
        self.begins = True
        self.taken_up = threading.Event()
        self.may_end = threading.Event()
        self.ended = threading.Event()
        self.said: list[str] = []

    def send_task(self, name: str, *, kwargs: dict[str, Any], **_: Any) -> None:
        if self.is_there:
            stream_start(**kwargs)

    def write(self, payload: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.taken_up.set()
        if self.hangs:
            if self.begins:
                yield piece_encode(GeneratedText("one "))
            assert self.may_end.wait(PATIENCE)
        try:
            for word in self.words:
                while not self.may_go_on.acquire(timeout=0.05):
                    yield piece_encode(GeneratedText(""))
                self.said.append(word)
                yield piece_encode(GeneratedText(word))
            yield from self.last
        finally:
            self.ended.set()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    made = Worker()
    monkeypatch.setattr(streaming, "model_stream", made.write)
    yield made
    made.may_end.set()
    made.may_go_on.release(1000)
    wait_for(lambda: not threads(), seconds=PATIENCE, what="no stream is left")


@pytest.fixture
def transport(worker: Worker) -> QueueTransport:
    return QueueTransport(app=worker)  # type: ignore[arg-type]


@pytest.fixture
def model() -> InstalledModel:
    return InstalledModel(new_id(), "writer", Path("/nowhere"), "0" * 64, 16, ModelKind.GENERATION)


@pytest.fixture
def call(model: InstalledModel) -> Callable[..., ModelCall]:
    return lambda seconds=PATIENCE: ModelCall(model, Conversation(SAID), Purpose.ANSWER, Deadline.after(seconds))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("stream ")]


def client() -> redis.Redis:
    return redis.Redis.from_url(ServerSettings.current().redis_url)


def keys() -> list[Any]:
    return list(client().scan_iter(f"{PREFIX}*"))


def words_of(pieces: Iterator[Any]) -> Iterator[Any]:
    return (piece for piece in pieces if piece != GeneratedText(""))


Call = Callable[..., ModelCall]


def test_pieces_arrive_in_their_order_and_leave_no_key_behind(
    transport: QueueTransport, worker: Worker, call: Call
) -> None:
    worker.may_go_on.release(50)
    pieces = list(words_of(transport.stream(call())))
    assert pieces == [*(GeneratedText(word) for word in worker.words), GenerationEnd(Finish.STOP, 4, 3)]
    assert keys() == []


def test_who_leaves_ends_the_writing_with_the_next_piece(transport: QueueTransport, worker: Worker, call: Call) -> None:
    pieces = words_of(stream := transport.stream(call()))
    worker.may_go_on.release(2)
    next(pieces)
    assert len(keys()) == 1

    stream.close()  # type: ignore[attr-defined]

    assert worker.ended.wait(PATIENCE)
    assert len(worker.said) <= 2
    assert keys() == []


def test_a_client_that_left_ends_the_writing(worker: Worker, transport: QueueTransport, model: InstalledModel,
                                              monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setitem(TRANSPORTS, "watched", lambda: transport)
    left = Client()
    with using_transport("watched"), working_for(left):
        pieces = generate(SAID, model=model, purpose=Purpose.ANSWER, deadline=Deadline.after(PATIENCE))
        worker.may_go_on.release(1)
        assert next(pieces) == GeneratedText("word0 ")
        left.has_left = True
        with pytest.raises(ClientLeft):
            next(pieces)
    assert worker.ended.wait(PATIENCE)
    assert keys() == []


def test_a_text_whose_readers_process_is_gone_ends_long_before_its_deadline(
    transport: QueueTransport, worker: Worker, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "GONE_SECONDS", 1)
    monkeypatch.setattr(channel, "_renewal", Renewal(lambda keys: None))
    pieces = transport.stream(call(10 * PATIENCE))
    next(pieces)

    assert worker.ended.wait(PATIENCE)

    assert (worker.said, keys()) == ([], [])
    pieces.close()  # type: ignore[attr-defined]


def test_a_text_whose_reader_takes_its_time_is_kept_while_its_process_is_there(
    transport: QueueTransport, worker: Worker, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewing, "RENEW_SECONDS", 0.05)
    pieces = transport.stream(call())
    next(pieces)
    (key,) = keys()
    for _ in range(2):
        client().pexpire(key, 1000)
        wait_for(lambda: client().pttl(key) > 1000, seconds=PATIENCE, what="it is renewed")
    pieces.close()  # type: ignore[attr-defined]
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name == "channels"],
        seconds=PATIENCE,
        what="nothing is renewed any more",
    )
    assert keys() == []


def test_an_error_comes_after_the_pieces_before_it(transport: QueueTransport, worker: Worker, call: Call) -> None:
    worker.words, worker.last = ["one "], [encode_error(DeadlineExceededError("too slow"))]
    worker.may_go_on.release(1)
    pieces = words_of(transport.stream(call()))
    assert next(pieces) == GeneratedText("one ")
    with pytest.raises(DeadlineExceededError, match="too slow"):
        next(pieces)
    assert keys() == []


def test_a_worker_that_falls_silent_is_lost(
    transport: QueueTransport, worker: Worker, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "SILENT_SECONDS", 0.2)
    worker.hangs = True
    pieces = transport.stream(call())
    assert next(pieces) == GeneratedText("one ")
    with pytest.raises(ModelUnavailableError, match="has been silent") as lost:
        list(pieces)
    assert lost.value.error_code == "worker_lost"
    assert keys() == []


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSub]:
    """What a worker's process holds, and the system cuts when that is killed. A worker that is only silent has long."""
    monkeypatch.setattr(streaming, "lifeline_name", lambda: "the worker's")
    monkeypatch.setattr(queue, "SILENT_SECONDS", PATIENCE)
    monkeypatch.setattr(lifeline, "CUT_SECONDS", 0.0)
    monkeypatch.setattr(channel, "BLOCK_SECONDS", 0.05)
    with client().pubsub() as held:
        held.subscribe("the worker's")
        assert held.get_message(timeout=PATIENCE)
        yield held


@pytest.mark.parametrize("begins", [True, False], ids=["after its first piece", "before"])
def test_a_worker_that_is_gone_is_not_waited_for(
    transport: QueueTransport, worker: Worker, call: Call, line: PubSub, begins: bool
) -> None:
    worker.hangs, worker.begins = True, begins
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(list, transport.stream(call()))
        assert worker.taken_up.wait(PATIENCE)
        line.close()
        with pytest.raises(ModelUnavailableError, match="is gone") as lost:
            reading.result(PATIENCE)
    assert lost.value.error_code == "worker_lost"
    assert keys() == []


@pytest.mark.parametrize("tells", [True, False], ids=["it is there", "it tells no line"])
def test_a_worker_that_is_not_known_to_be_gone_has_until_the_deadline(
    transport: QueueTransport, worker: Worker, call: Call, line: PubSub, monkeypatch: pytest.MonkeyPatch, tells: bool
) -> None:
    if not tells:
        monkeypatch.setattr(streaming, "lifeline_name", lambda: None)
        line.close()
    worker.hangs, worker.begins = True, False
    with pytest.raises(ModelUnavailableError) as late:
        list(transport.stream(call(5 * channel.BLOCK_SECONDS)))
    assert late.value.error_code == "deadline_exceeded"


def test_nothing_is_begun_for_a_reader_that_has_left(worker: Worker) -> None:
    stream_start({}, f"{PREFIX}nobody's")
    wait_for(lambda: not threads(), seconds=PATIENCE, what="the stream is over")
    assert not worker.taken_up.is_set()


def test_a_defect_in_the_worker_is_told_at_once(
    transport: QueueTransport, worker: Worker, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("nothing")

    monkeypatch.setattr(streaming, "model_stream", model_stream)
    monkeypatch.setattr(remote, "model_version", broken)
    with pytest.raises(ModelUnavailableError, match="KeyError") as failed:
        next(transport.stream(call()))
    assert failed.value.error_code == "worker_failed"
    assert keys() == []


def test_where_nobody_answers_the_deadline_ends_the_wait_and_then_the_breaker_opens(
    transport: QueueTransport, worker: Worker, call: Call
) -> None:
    worker.is_there = False
    for _ in range(KINDS[ModelKind.GENERATION].breaker.failures):
        with pytest.raises(ModelUnavailableError) as late:
            next(transport.stream(call(0.1)))
        assert late.value.error_code == "deadline_exceeded"
    began = time.monotonic()
    with pytest.raises(ModelUnavailableError) as refused:
        next(transport.stream(call()))
    assert refused.value.error_code == "circuit_open"
    assert time.monotonic() - began < PATIENCE / 3
    assert keys() == []


def test_the_deadline_ends_a_text_whose_worker_goes_on(transport: QueueTransport, worker: Worker, call: Call) -> None:
    pieces = transport.stream(call(0.5))
    with pytest.raises(ModelUnavailableError) as late:
        list(pieces)
    assert late.value.error_code == "deadline_exceeded"
    assert worker.ended.wait(PATIENCE)
    assert keys() == []


def test_a_worker_that_writes_enough_already_says_so_at_once(
    transport: QueueTransport, worker: Worker, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_places", threading.BoundedSemaphore(1))
    first = transport.stream(call())
    next(first)
    with pytest.raises(ModelUnavailableError) as busy:
        next(transport.stream(call()))
    assert (busy.value.error_code, busy.value.retry_after) == ("generation_busy", 2.0)
    first.close()  # type: ignore[attr-defined]
    assert worker.ended.wait(PATIENCE)


def test_a_reader_that_leaves_too_much_unread_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "MOST_UNREAD", 5)
    with Channel.opened() as reader:
        writer = Channel.named(reader.key)
        assert [writer.put({"text": str(number)}) for number in range(4)] == [True] * 4
        assert reader.read(seconds=1.0) == [{"text": str(number)} for number in range(4)]
        assert [writer.put({"text": "more"}) for _ in range(6)] == [True] * 5 + [False]
        assert keys() == []
        assert not writer.put({"text": "more"})


def test_without_redis_a_call_fails_in_words(
    transport: QueueTransport, call: Call, settings: Any, free_tcp_port: int
) -> None:
    settings.RAGSITE_REDIS_URL = f"redis://127.0.0.1:{free_tcp_port}/0"
    with pytest.raises(ModelUnavailableError) as refused:
        next(transport.stream(call()))
    assert refused.value.error_code == "broker_unavailable"
