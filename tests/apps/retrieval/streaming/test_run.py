"""A run's readers: at their own pace, from memory or from the log, in this process or another."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from redis.exceptions import ConnectionError as Unreachable

from apps.retrieval.streaming import log
from apps.retrieval.streaming.events import EventName, StreamEvent
from apps.retrieval.streaming.log import log_follow
from apps.retrieval.streaming.run import Run
from tests.apps.retrieval.streaming.reading import collected

Ends = list[StreamEvent | None]


def begun(*, deltas: int = 0) -> Run:
    run = Run(uuid4(), asker="key 1")
    run.open("{}")
    for number in range(deltas):
        run.tell(EventName.DELTA, json.dumps({"text": number}))
    return run


def numbers(events: Ends) -> list[int]:
    return [event.number for event in events if event]


def reading_on(events: AsyncIterator[StreamEvent | None], then: Callable[[int], Any]) -> Ends:
    """All events; `then` is called with the number of each that was read, or 0 where there was none."""

    async def read() -> Ends:
        seen: Ends = []
        async for event in events:
            seen.append(event)
            then(event.number if event else 0)
        return seen

    return asyncio.run(asyncio.wait_for(read(), 20))


def test_a_reader_gets_what_was_told_before_and_what_is_told_while_it_reads() -> None:
    run = begun(deltas=2)

    def then(number: int) -> None:
        if number == 3:
            run.tell(EventName.COMPLETED, "{}")

    assert numbers(reading_on(run.follow(), then)) == [1, 2, 3, 4]
    assert numbers(collected(run.follow(after=2))) == [3, 4]


def test_a_reader_that_waits_is_woken_from_another_thread() -> None:
    run = begun()

    async def read() -> Ends:
        loop = asyncio.get_running_loop()
        seen: Ends = []
        async for event in run.follow():
            seen.append(event)
            if len(seen) == 1:
                loop.run_in_executor(None, run.tell, EventName.COMPLETED, "{}")
        return seen

    assert numbers(asyncio.run(asyncio.wait_for(read(), 10))) == [1, 2]


def test_after_its_last_event_a_run_tells_nothing_more() -> None:
    run = begun()
    run.tell(EventName.FAILED, "{}")
    run.tell(EventName.DELTA, "{}")
    assert [event and event.name for event in collected(run.follow())] == [EventName.CREATED, EventName.FAILED]


def test_memory_keeps_a_few_events_and_a_slow_reader_goes_on_from_the_log() -> None:
    run = begun()
    run._events = deque(run._events, maxlen=3)

    def then(number: int) -> None:
        if number == 1:
            for _ in range(10):
                run.tell(EventName.DELTA, "{}")
            run.tell(EventName.COMPLETED, "{}")

    assert numbers(reading_on(run.follow(), then)) == list(range(1, 13))
    assert len(run._events) == 3


def test_a_reader_elsewhere_goes_on_where_it_was_and_follows_to_the_end() -> None:
    run = begun(deltas=2)

    def then(number: int) -> None:
        if number == 0:
            run.tell(EventName.COMPLETED, "{}")

    seen = [event for event in reading_on(log_follow(run.answer_id, 1), then) if event]
    assert seen == [event for event in collected(run.follow(after=1)) if event]
    assert numbers(list(seen)) == [2, 3, 4]


def test_a_run_whose_process_is_gone_ends_for_its_readers_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "GONE_MILLISECONDS", 1)
    run = begun(deltas=1)
    events = [event for event in collected(log_follow(run.answer_id, 0)) if event]
    assert numbers(list(events)) == [1, 2, 3]
    assert (events[-1].name, json.loads(events[-1].data)["code"]) == (EventName.FAILED, "run_lost")


def test_a_run_whose_process_says_that_it_is_there_is_waited_for() -> None:
    run = begun()
    seen = 0

    def then(number: int) -> None:
        nonlocal seen
        seen += number == 0
        if seen == 2:
            run.tell(EventName.COMPLETED, "{}")

    assert numbers(reading_on(log_follow(run.answer_id, 0), then)) == [1, 2]


def test_a_reader_is_told_that_redis_does_not_answer_and_can_go_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(deltas=1)

    class Gone:
        async def __aenter__(self) -> Any:
            raise Unreachable("gone")

        async def __aexit__(self, *_: Any) -> None: ...

    monkeypatch.setattr(log, "_client", Gone)
    (event,) = collected(log_follow(run.answer_id, 1))
    assert event
    assert (event.number, json.loads(event.data)["code"]) == (1, "broker_unavailable")
