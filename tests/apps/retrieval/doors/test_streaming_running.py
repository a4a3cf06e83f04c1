"""Streams through the web process's own handler: many at once, clients that leave, and a server that dies while it writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator

from apps.retrieval.models import Answer
from apps.retrieval.streaming.events import EventName
from apps.retrieval.streaming.log import redis_client
from apps.retrieval.streaming.pool import RUNS
from ragsite.gateway.admission import Admission
from ragsite.gateway.one_thread import OneThreadHandler
from ragsite.gateway.routes import capacities
from tests import factories as make
from tests.apps.retrieval.streaming.reading import Event, events_read
from tests.model_server import MODEL, WAIT, ModelServer, hangs, piece, streams
from tests.threads import connections_close
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _threads(transactional_db: None) -> Iterator[None]:
    yield
    connections_close()


STREAMS = 40
QUESTION = "How many berths for guests has the harbour?"
FIRST, SECOND = "The harbour has 42 berths for guests.", "A berth costs 31 euros a night, electricity included."


@pytest.fixture
def headers() -> list[tuple[bytes, bytes]]:
    key = make.api_key(make.ready_version().document.tenant)
    return [
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-type", b"application/json"),
        (b"host", b"localhost"),
    ]


@pytest.fixture
def writer(settings: Any, engine: ModelServer) -> ModelServer:
    settings.RAGSITE_GENERATOR = f"openai:{engine.url}#{MODEL}"
    return engine


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """No run goes on into the next test's tables."""
    yield
    wait_for(lambda: not RUNS._jobs, seconds=WAIT, what="all runs have ended")


def said(*texts: str) -> list[str]:
    return [f"data: {json.dumps(piece(text))}\n\n" for text in texts]


class Reader:
    """A client of the handler."""

    def __init__(self, handler: OneThreadHandler, method: str, path: str, headers: list[tuple[bytes, bytes]]) -> None:
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": headers,
            "query_string": b"",
            "scheme": "http",
        }
        self._client, self.said = ApplicationCommunicator(handler, scope), ""

    async def send(self, **body: Any) -> Reader:
        raw = json.dumps(body).encode() if body else b""
        await self._client.send_input({"type": "http.request", "body": raw, "more_body": False})
        start = await self._client.receive_output(timeout=30)
        assert start["status"] == 200
        return self

    async def read(self, *, until: EventName | None = None) -> list[Event]:
        """What comes until that event, or until the end."""
        more = True
        while more and (until is None or f"event: {until}\n" not in self.said):
            part = await self._client.receive_output(timeout=30)
            self.said += part.get("body", b"").decode()
            more = part.get("more_body", False)
        if until is None:
            await self._client.wait(timeout=30)
        return events_read(self.said)

    async def leave(self) -> None:
        await self._client.send_input({"type": "http.disconnect"})
        await self._client.wait(timeout=10)


class Web:
    """The handler, for one event loop, and clients that show the key."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        self._headers, self._handler = headers, OneThreadHandler(Admission(capacities()))

    async def ask(self, **body: Any) -> Reader:
        return await Reader(self._handler, "POST", "/api/v1/ask", self._headers).send(
            question=QUESTION, stream=True, **body
        )

    async def resume(self, answer: str) -> Reader:
        return await Reader(self._handler, "GET", f"/api/v1/answers/{answer}/events", self._headers).send()


def run_ended(answer: str) -> list[str]:
    """The names of the run's events once it has ended."""
    key = f"rag:answer:{answer}:events"

    def names() -> list[str]:
        return [fields["event"] for _, fields in redis_client().xrange(key)]  # type: ignore[union-attr]

    ends = {EventName.COMPLETED, EventName.FAILED}
    wait_for(lambda: ends & set(names()), seconds=WAIT, what="the run has ended")
    return names()


def test_of_many_streams_at_once_none_loses_an_event(headers: list[tuple[bytes, bytes]]) -> None:
    async def main() -> list[list[Event]]:
        web = Web(headers)
        readers = await asyncio.gather(*(web.ask() for _ in range(STREAMS)))
        return list(await asyncio.gather(*(reader.read() for reader in readers)))

    for events in asyncio.run(main()):
        assert [one.number for one in events] == list(range(1, len(events) + 1))
        text = "".join(one.data["text"] for one in events if one.name == EventName.DELTA)
        assert (events[-1].name, events[-1].data["answer"]) == (EventName.COMPLETED, text)
    assert Answer.objects.count() == STREAMS


def test_a_client_that_leaves_frees_the_model_and_nothing_is_saved(
    headers: list[tuple[bytes, bytes]], writer: ModelServer
) -> None:
    writer.then(hangs(*said(f"{FIRST} [1] ", "A berth")))

    async def main() -> str:
        reader = await Web(headers).ask()
        created = (await reader.read(until=EventName.CITED))[0]
        await reader.leave()
        return str(created.data["id"])

    answer = asyncio.run(main())
    assert writer.left.wait(1.0), "the writing ends within a second"
    assert run_ended(answer)[-1] == EventName.FAILED
    assert not Answer.objects.exists()


def test_with_background_the_answer_is_made_to_its_end_and_can_be_read_by_who_comes_back(
    headers: list[tuple[bytes, bytes]], writer: ModelServer
) -> None:
    writer.says = f"{FIRST} [1]"

    async def main() -> tuple[str, list[Event]]:
        web = Web(headers)
        reader = await web.ask(background=True)
        created = (await reader.read(until=EventName.CREATED))[0]
        await reader.leave()
        back = await web.resume(created.data["id"])
        return created.data["id"], await back.read()

    answer, events = asyncio.run(main())
    assert (events[0].data["id"], events[-1].name, events[-1].data["answer"]) == (answer, EventName.COMPLETED, FIRST)
    assert str(Answer.objects.get().pk) == answer


def test_a_model_that_dies_in_mid_stream_is_withdrawn_and_a_fallback_answers(
    headers: list[tuple[bytes, bytes]], writer: ModelServer
) -> None:
    writer.then(streams(*said(f"{SECOND} [1] ", "The harbour"), cut=True))

    async def main() -> list[Event]:
        return await (await Web(headers).ask()).read()

    events = asyncio.run(main())
    names = [one.name for one in events]
    assert names[2:5] == [EventName.DELTA, EventName.CITED, EventName.WITHDRAWN]
    assert events[4].data["problem"]["code"] == "model_server_lost"
    later = "".join(one.data["text"] for one in events[5:] if one.name == EventName.DELTA)
    assert (names[-1], events[-1].data["answer"]) == (EventName.COMPLETED, later)
    assert [one["code"] for one in events[-1].data["degraded"]] == ["model_server_lost"]
