"""Streams whose line breaks."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from ragsite_client import AnswerCompleted, AnswerCreated, ConnectionFailedError, ProblemError, TextDelta

from tests.client.serving import Script, Stream, problem, problem_body, reply, sent, streamed

ANSWER: dict[str, Any] = {
    "id": "a1", "question": "When?", "answer": "At seven.", "found": True, "sentences": [], "citations": [], "passages": [],
    "generator": "extractive", "created_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
CREATED = sent(1, "response.created", {"id": "a1", "question": "When?"})
FIRST = sent(2, "response.output_text.delta", {"claim": 0, "text": "At "})
NEXT = sent(3, "response.output_text.delta", {"claim": 0, "text": "seven."})
COMPLETED = sent(4, "response.completed", ANSWER)


def told(script: Script, *, background: bool = True) -> list[str]:
    """The events, in short."""
    return [
        one.text if isinstance(one, TextDelta) else type(one).__name__
        for one in script.client().ask_stream("When?", background=background)
    ]


@pytest.mark.parametrize("broken", [True, False])
def test_a_stream_goes_on_where_its_line_broke_and_tells_nothing_twice(waits: list[float], broken: bool) -> None:
    half = NEXT[:-20]
    script = Script(
        streamed(b": still at it\n\n", CREATED, FIRST, half, breaks=broken),
        streamed(breaks=broken),
        problem("busy", 503, Retry_After="3"),
        streamed(NEXT, COMPLETED),
    )
    assert told(script) == ["AnswerCreated", "At ", "seven.", "AnswerCompleted"]
    resumed = [(one.method, one.url.path, one.headers.get("Last-Event-ID")) for one in script.asked[1:]]
    assert resumed == [("GET", "/api/v1/answers/a1/events", "2")] * 3
    assert waits == [0.25, 0.5, 3.0]


def test_it_is_not_taken_up_if_it_ends_with_its_client(waits: list[float]) -> None:
    script = Script(streamed(CREATED, FIRST, breaks=True))
    with pytest.raises(ConnectionFailedError):
        told(script, background=False)
    assert (len(script.asked), waits) == (1, [])


def test_a_line_that_stays_broken_is_given_up(waits: list[float]) -> None:
    script = Script(streamed(CREATED), *[streamed() for _ in range(5)])
    with pytest.raises(ConnectionFailedError):
        told(script)
    assert waits == [0.25, 0.5, 1, 2, 4]


def test_a_question_of_which_nothing_was_heard_is_sent_again_under_its_key_so_that_it_is_asked_once(
    waits: list[float],
) -> None:
    script = Script(streamed(breaks=True), streamed(CREATED, COMPLETED))
    assert told(script) == ["AnswerCreated", "AnswerCompleted"]
    assert len({one.headers["Idempotency-Key"] for one in script.asked}) == 1
    assert {one.url.path for one in script.asked} == {"/api/v1/ask"}


def test_it_is_not_sent_again_if_it_ends_with_its_client(waits: list[float]) -> None:
    script = Script(streamed(breaks=True))
    with pytest.raises(ConnectionFailedError):
        told(script, background=False)
    assert (len(script.asked), waits) == (1, [])


def test_an_asynchronous_stream_goes_on_where_its_line_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def rest(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("ragsite_client.aio.line.sleep", rest)
    script = Script(
        streamed(CREATED, FIRST, breaks=True), problem("busy", 503, Retry_After="3"), streamed(NEXT, COMPLETED)
    )

    async def heard() -> list[str]:
        async with script.async_client() as client:
            return [type(one).__name__ async for one in client.ask_stream("When?", background=True)]

    assert asyncio.run(heard()) == ["AnswerCreated", "TextDelta", "TextDelta", "AnswerCompleted"]
    assert [one.headers.get("Last-Event-ID") for one in script.asked] == [None, "2", "2"]
    assert waited == [0.25, 3.0]


def test_who_stops_reading_an_asynchronous_stream_closes_the_line() -> None:
    stream = Stream([CREATED, FIRST, NEXT, COMPLETED])

    async def left() -> None:
        async with Script(httpx.Response(200, stream=stream)).async_client() as client:
            events = client.ask_stream("When?")
            assert isinstance(await anext(events), AnswerCreated)
            await events.aclose()

    asyncio.run(left())
    assert stream.closed


def test_a_question_that_came_at_a_bad_time_is_asked_when_the_server_says(waits: list[float]) -> None:
    script = Script(
        httpx.ConnectError("refused"), problem("too_many_requests", 429, Retry_After="3"), streamed(CREATED, COMPLETED)
    )
    assert told(script, background=False) == ["AnswerCreated", "AnswerCompleted"]
    assert ({one.url.path for one in script.asked}, waits) == ({"/api/v1/ask"}, [0.25, 3.0])


def test_events_that_are_gone_are_replaced_by_the_answer(waits: list[float]) -> None:
    script = Script(streamed(CREATED, FIRST), problem("events_expired", 410), reply(ANSWER))
    assert told(script) == ["AnswerCreated", "At ", "AnswerCompleted"]
    assert script.asked[-1].url.path == "/api/v1/answers/a1"


def test_an_answer_that_fails_is_an_error_with_the_problem() -> None:
    failed = sent(2, "response.failed", problem_body("worker_lost", 503))
    script = Script(streamed(CREATED, failed))
    with pytest.raises(ProblemError) as error:
        told(script)
    assert (error.value.code, len(script.asked)) == ("worker_lost", 1)


def test_a_reader_at_the_server_that_fails_is_not_the_answer_that_does(waits: list[float]) -> None:
    lost = sent(2, "response.failed", problem_body("broker_unavailable", 503))
    script = Script(streamed(CREATED, FIRST), streamed(lost), streamed(NEXT, COMPLETED))
    assert told(script) == ["AnswerCreated", "At ", "seven.", "AnswerCompleted"]


def test_events_of_a_newer_server_are_passed_over() -> None:
    unknown = sent(2, "response.weather", {"rain": True})
    script = Script(streamed(CREATED, unknown, sent(3, "response.completed", ANSWER | {"colour": "blue"})))
    assert told(script) == ["AnswerCreated", "AnswerCompleted"]


def test_who_stops_reading_closes_the_line() -> None:
    stream = Stream([CREATED, FIRST, NEXT, COMPLETED])
    events = Script(httpx.Response(200, stream=stream)).client().ask_stream("When?")
    assert isinstance(next(events), AnswerCreated)
    events.close()
    assert stream.closed


def test_nothing_is_read_after_the_answer() -> None:
    reply = streamed(CREATED, sent(2, "response.completed", ANSWER), FIRST)
    *_, last = Script(reply).client().ask_stream("When?")
    assert isinstance(last, AnswerCompleted)
    assert (last.answer.answer, last.answer.created_at.year) == ("At seven.", 2026)
