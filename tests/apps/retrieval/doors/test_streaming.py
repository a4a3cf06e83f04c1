"""Streamed answers over HTTP: their events, who may go on with them, and what ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from redis.exceptions import ConnectionError as Unreachable

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.documents.services.documents import document_delete
from apps.models.gateway.fake import FakeTransport
from apps.models.generation import Finish, GeneratedText, GenerationEnd
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval.doors import telling
from apps.retrieval.doors.streaming import EventStream
from apps.retrieval.models import Answer, Query
from apps.retrieval.streaming import log
from apps.retrieval.streaming.events import HEARTBEAT, EventName
from apps.retrieval.streaming.run import Run
from ragsite.core.errors import ModelUnavailableError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.answers.streaming import StreamingGenerator
from tests.apps.retrieval.streaming.inline import runs_inline
from tests.apps.retrieval.streaming.reading import Event, events_read, leave, streamed
from tests.apps.retrieval.transports import Failing

pytestmark = pytest.mark.django_db

ASK, ANSWERS = "/api/v1/ask", "/api/v1/answers/"
QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."
SECOND = "A berth costs 31 euros a night, electricity included."


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with runs_inline():
        yield


@pytest.fixture
def version() -> DocumentVersion:
    return make.ready_version()


@pytest.fixture
def base(version: DocumentVersion) -> KnowledgeBase:
    return version.document.knowledge_base


@pytest.fixture
def client(base: KnowledgeBase) -> Client:
    return make.client(base.tenant)


def post(client: Client, **body: Any) -> Any:
    return client.post(ASK, {"question": QUESTION} | body, content_type="application/json")


def asked(client: Client, **body: Any) -> list[Event]:
    return events_read(streamed(post(client, stream=True, **body)))


def resumed(client: Client, answer: str, *, after: int = 0) -> list[Event]:
    return events_read(streamed(client.get(f"{ANSWERS}{answer}/events", headers={"Last-Event-ID": str(after)})))


def text_of(events: list[Event]) -> str:
    return "".join(one.data["text"] for one in events if one.name == EventName.DELTA)


def write_with(monkeypatch: pytest.MonkeyPatch, *generators: StreamingGenerator) -> None:
    monkeypatch.setattr(telling, "generators_for", lambda request, options: generators)


def test_a_stream_tells_the_passages_each_sentence_with_its_citations_and_the_answer(
    client: Client, version: DocumentVersion
) -> None:
    events = asked(client)
    assert [one.number for one in events] == list(range(1, len(events) + 1))
    created, retrieved, *written, completed = events
    assert created.data == {"id": str(Answer.objects.get().pk), "question": QUESTION}
    assert (retrieved.name, retrieved.data["indexing"]) == (EventName.RETRIEVED, None)
    assert retrieved.data["passages"][0]["version"] == str(version.pk)
    assert {one.name for one in written} == {EventName.DELTA, EventName.CITED}
    answer = client.get(f"{ANSWERS}{created.data['id']}").json()
    assert (completed.name, completed.data) == (EventName.COMPLETED, answer)
    assert answer["found"] is True
    assert text_of(events) == answer["answer"]
    told = [one.data for one in written if one.name == EventName.CITED]
    spans = ("claim", "version", "start", "end", "quote", "title", "heading_path", "score")
    assert [[one[name] for name in spans] for one in told] == [
        [one[name] for name in spans] for one in answer["citations"]
    ]
    assert {one["verdict"] for one in told} == {"supported"}


def test_a_sentence_is_told_once_its_quotations_were_found_and_only_if_it_belongs_to_the_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_with(monkeypatch, StreamingGenerator([SENTENCE, "The moon is made of cheese.", SECOND]))
    events = asked(client)
    assert [(one.name, one.data.get("claim")) for one in events[2:-1]] == [
        (EventName.DELTA, 0), (EventName.CITED, 0), (EventName.DELTA, 1), (EventName.CITED, 1),
    ]  # fmt: skip
    assert text_of(events) == events[-1].data["answer"] == f"{SENTENCE} {SECOND}"
    assert [one["verdict"] for one in events[-1].data["sentences"]] == ["supported", "unsupported", "supported"]


def test_what_was_shown_by_a_generator_that_gave_up_is_withdrawn(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_up = StreamingGenerator([SECOND], ModelUnavailableError("No worker.", code="worker_lost"), name="large")
    write_with(monkeypatch, gave_up, StreamingGenerator([SENTENCE]))
    events = asked(client)
    place = next(n for n, one in enumerate(events) if one.name == EventName.WITHDRAWN)
    assert (events[place].data["generator"], events[place].data["problem"]["code"]) == ("large", "worker_lost")
    assert text_of(events[:place]) == SECOND
    assert text_of(events[place:]) == events[-1].data["answer"] == SENTENCE
    assert [one["code"] for one in events[-1].data["degraded"]] == ["worker_lost"]


def test_a_sentence_that_cannot_be_quoted_any_more_when_the_answer_is_saved_is_withdrawn(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def purged(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr("apps.retrieval.answers.services.quotation_stands", lambda _: False)
        return settle(*args, **kwargs)

    settle = telling.settle
    monkeypatch.setattr(telling, "settle", lambda found, pieces, **rest: purged(found, list(pieces), **rest))
    *_, withdrawn, completed = asked(client)
    assert (withdrawn.name, completed.data["found"]) == (EventName.WITHDRAWN, False)


def test_not_found_has_no_text_before_it_is_said(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    write_with(monkeypatch, StreamingGenerator([]))
    events = asked(client)
    assert [one.name for one in events] == [EventName.CREATED, EventName.RETRIEVED, EventName.COMPLETED]
    assert (events[-1].data["found"], events[-1].data["answer"]) == (False, "Not found in your documents.")


def test_a_stream_that_fails_ends_with_the_problem_and_nothing_is_saved(
    client: Client, use_transport: Callable[[Any], None]
) -> None:
    use_transport(Failing(ModelUnavailableError("No worker answered.")))
    *_, failed = asked(client, mode="dense")
    assert (failed.name, failed.data["code"], failed.data["status"]) == (EventName.FAILED, "model_unavailable", 503)
    assert not Query.objects.exists()


def test_a_defect_ends_the_stream_as_well_and_tells_nothing_of_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret")

    errors: list[tuple[str, str]] = []
    monkeypatch.setattr(telling, "retrieve", broken)
    monkeypatch.setattr(telling, "error_tell", lambda code, **about: errors.append((code, about["kind"])))
    *_, failed = asked(client)
    assert (failed.name, failed.data["code"]) == (EventName.FAILED, "internal_error")
    assert errors == [("internal_error", "ZeroDivisionError")], "the operator is told"
    assert "secret" not in str(failed.data)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "nothing"}, 404, "model_not_found"),
        ({"temperature": 2.5}, 422, "invalid_input"),
        ({"max_tokens": 0}, 422, "invalid_input"),
        ({"language": "German"}, 422, "invalid_input"),
        ({"knowledge_bases": [str(uuid4())]}, 404, "not_found"),
        ({"stream": False, "background": True}, 422, "invalid_input"),
    ],
)
def test_what_is_wrong_is_said_before_the_stream_begins(
    client: Client, body: dict[str, Any], status: int, code: str
) -> None:
    response = post(client, **{"stream": True} | body)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Query.objects.exists()


def test_the_options_reach_the_language_model_and_are_kept(
    client: Client, monkeypatch: pytest.MonkeyPatch, use_transport: Callable[[Any], None]
) -> None:
    calls_seen = []

    class Writer(FakeTransport):
        def stream(self, call: Any) -> Any:
            calls_seen.append(call)
            yield GeneratedText(f"{SENTENCE} [1]")
            yield GenerationEnd(Finish.STOP, 5, 7)

    model = InstalledModel(uuid4(), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
    monkeypatch.setattr("apps.retrieval.pipeline.model_named", lambda name, kind: model)
    use_transport(Writer())
    options = {"model": "writer", "temperature": 0.5, "max_tokens": 99, "language": "de"}
    for body in (options, options | {"stream": True}):
        response = post(client, **body)
        answer = response.json() if "stream" not in body else events_read(streamed(response))[-1].data
        assert (answer["generator"], answer["answer"]) == ("language_model", SENTENCE)
        assert answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 7}
        asked_for = calls_seen.pop().inputs
        assert (asked_for.options.temperature, asked_for.options.max_tokens) == (0.5, 99)
        assert asked_for.messages[1].content.endswith("Answer in German, whatever the language of the question is.")
    assert [one.options for one in Query.objects.all()] == [options, options]


def test_a_stream_is_resumed_after_the_last_event_that_was_read(client: Client) -> None:
    events = asked(client)
    answer = events[0].data["id"]
    assert resumed(client, answer) == events
    assert resumed(client, answer, after=3) == events[3:]
    assert events_read(streamed(client.get(f"{ANSWERS}{answer}/events?after=4"))) == events[4:]


def test_a_stream_is_resumed_and_cancelled_by_nobody_but_who_asked(client: Client, base: KnowledgeBase) -> None:
    answer = asked(client)[0].data["id"]
    for other in (make.client(base.tenant), make.client(make.tenant())):
        for response in (other.get(f"{ANSWERS}{answer}/events"), other.post(f"{ANSWERS}{answer}/cancel")):
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert client.get(f"{ANSWERS}{uuid4()}/events").status_code == 404
    assert client.post(f"{ANSWERS}{answer}/cancel").status_code == 204


def test_a_stream_is_not_resumed_once_a_document_that_it_tells_of_may_not_be_read(
    client: Client, version: DocumentVersion
) -> None:
    answer = asked(client)[0].data["id"]
    document_delete(document=version.document, actor=ACTOR)
    response = client.get(f"{ANSWERS}{answer}/events")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_a_stream_whose_events_have_expired_is_looked_up_as_an_answer(client: Client) -> None:
    answer = asked(client)[0].data["id"]
    redis = log.redis_client()
    for key in redis.keys(f"rag:answer:{answer}:*"):
        assert 0 < redis.ttl(key) <= log.KEPT_SECONDS
        redis.delete(key)
    response = client.get(f"{ANSWERS}{answer}/events")
    assert (response.status_code, response.json()["code"]) == (410, "events_expired")
    assert f"GET {ANSWERS}{answer}" in response.json()["detail"]


def test_without_redis_a_stream_goes_on_and_cannot_be_resumed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def unreachable() -> Any:
        tries.append(1)
        raise Unreachable("gone")

    monkeypatch.setattr(log, "redis_client", unreachable)
    events = asked(client)
    assert (events[-1].name, len(tries)) == (EventName.COMPLETED, 1), "nobody waits for it again and again"
    response = client.get(f"{ANSWERS}{events[0].data['id']}/events")
    assert (response.status_code, response.json()["code"]) == (503, "broker_unavailable")


def test_a_client_that_leaves_cancels_its_run_unless_it_is_to_go_on(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[Run] = []
    monkeypatch.setattr("apps.retrieval.doors.streaming.RUNS.cancel", left.append)
    leave(post(client, stream=True, background=True))
    assert left == []
    leave(post(client, stream=True))
    assert len(left) == 1


def test_a_run_that_is_cancelled_stops_its_generator_saves_nothing_and_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = StreamingGenerator([SENTENCE, SECOND])
    write_with(monkeypatch, generator)
    tell = Run.tell

    def leaving(run: Run, name: EventName, data: str) -> None:
        tell(run, name, data)
        if name == EventName.CITED:
            run.cancel()

    monkeypatch.setattr(Run, "tell", leaving)
    events = asked(client)
    assert (events[-1].name, events[-1].data["code"]) == (EventName.FAILED, "cancelled")
    assert (text_of(events), generator.stopped) == (SENTENCE, True)
    assert generator.computed == [*SENTENCE.split(), SECOND.split()[0]]
    assert not Query.objects.exists()
    assert resumed(client, events[0].data["id"]) == events


def test_a_silent_stream_says_now_and_then_that_it_is_there(settings: Any) -> None:
    settings.RAGSITE_STREAM_HEARTBEAT_SECONDS = 0.01
    run = Run(uuid4(), asker="")
    run.tell(EventName.CREATED, "{}")

    async def read() -> list[str]:
        said = []
        async for part in EventStream(run.follow(patience=0.01)):
            said.append(part)
            if part == HEARTBEAT:
                run.tell(EventName.FAILED, "{}")
        return said

    created, *beats, failed = asyncio.run(asyncio.wait_for(read(), 20))
    assert set(beats) == {HEARTBEAT}
    assert [one.number for one in events_read(created + failed)] == [1, 2]
