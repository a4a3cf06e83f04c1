"""Whose run is next, and what becomes of those that are cancelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from apps.retrieval.streaming.events import EventName
from apps.retrieval.streaming.log import cancel_ask, runs_beat
from apps.retrieval.streaming.pool import RunPool
from apps.retrieval.streaming.run import Run
from ragsite.core.audience import ClientLeft, client_check, working_for
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.visits import Caller
from tests.apps.retrieval.streaming.reading import collected
from tests.waiting import wait_for

ONE, OTHER = Caller("one", "a"), Caller("other", "b")


class Works:
    """Starts runs that note that they began, and go on until they may end or are cancelled."""

    def __init__(self, *, threads: int, waiting: int = 8) -> None:
        self.pool = RunPool(threads=threads, waiting=waiting)
        self.begun: list[Run] = []
        self.left: list[Run] = []
        self.may_end = threading.Event()

    def start(self, caller: Caller = ONE) -> Run:
        run = Run(uuid4(), asker=caller.key)
        run.tell(EventName.CREATED, "{}")
        self.pool.start(run, caller, lambda: self._work(run), left=lambda: self.left.append(run))
        return run

    def _work(self, run: Run) -> None:
        self.begun.append(run)
        try:
            with working_for(run.client):
                while not self.may_end.wait(0.01):
                    client_check("it went on")
            run.tell(EventName.COMPLETED, "{}")
        except ClientLeft:
            run.tell(EventName.FAILED, "{}")

    def begun_are(self, *runs: Run) -> None:
        wait_for(lambda: self.begun == list(runs), seconds=10, what=f"{len(runs)} runs have begun")


@pytest.fixture
def works() -> Iterator[Works]:
    made = Works(threads=2)
    yield made
    made.may_end.set()


def ends(run: Run) -> str:
    last = collected(run.follow())[-1]
    assert last
    return last.name


def test_as_many_runs_as_there_are_threads_go_on_and_the_others_follow() -> None:
    works = Works(threads=1)
    first, second, third = works.start(), works.start(OTHER), works.start()
    works.begun_are(first)
    works.may_end.set()
    assert {ends(run) for run in (first, second, third)} == {EventName.COMPLETED}
    assert works.begun == [first, second, third]
    wait_for(lambda: works.pool.run_of(third.answer_id) is None, seconds=10, what="it is forgotten")


def test_a_tenant_leaves_a_thread_to_the_others(works: Works) -> None:
    first, waits = works.start(), works.start()
    other = works.start(OTHER)
    wait_for(lambda: set(works.begun) == {first, other}, seconds=10, what="both tenants' first runs have begun")
    assert waits not in works.begun


def test_runs_that_nobody_has_room_for_are_refused(works: Works) -> None:
    for _ in range(8):
        works.start()
    with pytest.raises(RequestRefusedError) as refused:
        works.start()
    assert (refused.value.http_status, refused.value.error_code) == (429, "too_many_requests")
    works.start(OTHER)
    works.start(OTHER)
    with pytest.raises(RequestRefusedError) as refused:
        works.start(OTHER)
    assert (refused.value.http_status, refused.value.error_code) == (503, "busy")


def test_a_run_that_is_cancelled_ends_at_its_next_step(works: Works) -> None:
    run = works.start()
    works.begun_are(run)
    works.pool.cancel(run)
    assert ends(run) == EventName.FAILED


def test_a_run_that_waits_ends_at_once_when_it_is_cancelled(works: Works) -> None:
    first, waits = works.start(), works.start()
    works.pool.cancel(waits)
    last = collected(waits.follow())[-1]
    assert last
    assert (last.name, json.loads(last.data)["code"]) == (EventName.FAILED, "cancelled")
    assert works.left == [waits]
    works.may_end.set()
    assert ends(first) == EventName.COMPLETED
    assert waits not in works.begun
    wait_for(lambda: works.left == [waits, first], seconds=10, what="the place of each is left")


def test_another_process_lets_a_run_be_cancelled_through_redis(works: Works) -> None:
    run = works.start()
    run.log.open("a")
    assert runs_beat([run.answer_id]) == []
    cancel_ask(run.answer_id)
    assert ends(run) == EventName.FAILED
