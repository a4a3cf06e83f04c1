"""Who is worked on, who waits, and who is turned away; on an event loop without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import pytest
from prometheus_client import REGISTRY

from ragsite.gateway.admission import PACE, Admission
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.routes import Capacity, Kind
from ragsite.gateway.visits import Caller, Visit

KEY, SECOND_KEY = Caller("a tenant", "one"), Caller("a tenant", "two")
OTHER = Caller("another tenant", "three")


def run(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    @wraps(test)
    def running() -> None:
        asyncio.run(asyncio.wait_for(test(), 30))

    return running


class House:
    """One kind of request, and those that asked to be let in, in their order."""

    def __init__(self, *, at_once: int = 1, waiting: int = 10, wait_seconds: float = 30.0) -> None:
        self.now = 0.0
        capacities = {Kind.SEARCH: Capacity(at_once, waiting, wait_seconds)}
        self.admission = Admission(capacities, clock=lambda: self.now)
        self.inside: list[str] = []

    async def knock(self, name: str, caller: Caller = KEY) -> asyncio.Task[None]:
        async def enter() -> None:
            await self.admission.enter(Visit(Kind.SEARCH, caller))
            self.inside.append(name)

        task = asyncio.create_task(enter())
        await self.settled()
        return task

    async def leave(self, caller: Caller = KEY) -> None:
        self.admission.leave(Visit(Kind.SEARCH, caller))
        await self.settled()

    async def served(self, number: int, *, seconds: float) -> None:
        """So many leave, one each so many seconds."""
        for _ in range(number):
            self.now += seconds
            await self.leave()

    async def settled(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


def refusal(task: asyncio.Task[Any]) -> tuple[int, str, float | None]:
    error = task.exception()
    assert isinstance(error, RequestRefusedError)
    return error.http_status, error.error_code, error.retry_after


@run
async def test_no_more_are_worked_on_at_once_than_there_are_places_for() -> None:
    house = House(at_once=2)
    for name in ("first", "second", "third"):
        await house.knock(name, Caller(name, ""))
    assert house.inside == ["first", "second"]
    await house.leave(Caller("first", ""))
    assert house.inside == ["first", "second", "third"]


@run
async def test_one_tenant_leaves_a_place_for_the_others() -> None:
    house = House(at_once=4)
    for number in range(9):
        await house.knock(f"{number}")
    await house.knock("other", OTHER)
    assert house.inside == ["0", "1", "2", "other"]


@run
async def test_those_that_wait_take_turns_by_tenant_and_key() -> None:
    house = House()
    for name, caller in (("in", KEY), ("a1", KEY), ("a2", KEY), ("b1", SECOND_KEY), ("c1", OTHER), ("c2", OTHER)):
        await house.knock(name, caller)
    for caller in (KEY, KEY, OTHER, SECOND_KEY, OTHER):
        await house.leave(caller)
    assert house.inside == ["in", "a1", "c1", "b1", "c2", "a2"]


@run
async def test_a_caller_that_fills_the_queue_is_told_so() -> None:
    house = House(waiting=2)
    for number in range(3):
        await house.knock(f"{number}")
    assert refusal(await house.knock("one too many")) == (429, "too_many_requests", 2.0)


@run
async def test_who_has_most_waiting_gives_room_to_another_tenant() -> None:
    house = House(waiting=3)
    tasks = [await house.knock(f"{number}") for number in range(4)]
    await house.knock("other", OTHER)
    assert refusal(tasks[-1])[:2] == (429, "too_many_requests")
    await house.leave()
    await house.leave()
    assert "other" in house.inside


@run
async def test_a_key_that_has_most_waiting_gives_room_to_another_of_its_tenant() -> None:
    house = House(waiting=3)
    tasks = [await house.knock(f"{number}") for number in range(4)]
    waits = await house.knock("second key", SECOND_KEY)
    assert refusal(tasks[-1])[:2] == (429, "too_many_requests")
    assert not waits.done()


@run
async def test_where_all_are_many_nobody_is_to_blame() -> None:
    house = House(waiting=3)
    await house.knock("in")
    for number in range(3):
        await house.knock(f"{number}", Caller(f"tenant {number}", ""))
    assert refusal(await house.knock("one too many", OTHER)) == (503, "busy", 2.0)


@run
async def test_who_waits_too_long_is_refused_and_takes_no_place() -> None:
    house = House(wait_seconds=0.01)
    await house.knock("in")
    late = await house.knock("late")
    await asyncio.wait((late,))
    assert refusal(late) == (503, "busy", 2.0)
    await house.leave()
    await house.knock("next")
    assert house.inside == ["in", "next"]


@run
async def test_a_place_that_becomes_free_before_the_wait_begins_is_not_missed() -> None:
    house = House()
    await house.knock("first")
    late = Visit(Kind.SEARCH, KEY)
    assert not house.admission.enter_at_once(late)
    await house.leave()
    await asyncio.wait_for(house.admission.wait(late), 1)
    assert not house.admission.enter_at_once(Visit(Kind.SEARCH, OTHER))


@run
async def test_who_would_wait_too_long_is_told_at_once_and_when_to_come_back() -> None:
    house = House(waiting=100, wait_seconds=5.0)
    for number in range(20):
        await house.knock(f"{number}")
    await house.served(PACE, seconds=1.0)
    late = await house.knock("late")
    assert refusal(late) == (429, "too_many_requests", 5.0)
    soon = await house.knock("soon", OTHER)
    assert not soon.done()


@run
async def test_how_long_it_takes_is_not_guessed_from_few_nor_from_before_a_rest() -> None:
    house = House(waiting=100, wait_seconds=5.0)
    for number in range(PACE + 1):
        await house.knock(f"{number}")
    await house.served(PACE - 1, seconds=9.0)
    early = await house.knock("early")
    assert not early.done()
    await house.served(1, seconds=9.0)
    late = await house.knock("late")
    assert refusal(late)[0] == 429
    await house.served(2, seconds=9.0)
    for name in ("inside", "waits"):
        after = await house.knock(name)
    assert not after.done()


@run
async def test_where_nothing_becomes_free_any_more_the_wait_grows() -> None:
    house = House(waiting=100, wait_seconds=5.0)
    for number in range(PACE + 3):
        await house.knock(f"{number}")
    await house.served(PACE, seconds=0.1)
    waits = await house.knock("waits")
    house.now += 60.0
    late = await house.knock("late")
    assert (waits.done(), refusal(late)[1]) == (False, "too_many_requests")


@run
async def test_who_leaves_while_it_waits_takes_no_place() -> None:
    house = House()
    await house.knock("in")
    gone = await house.knock("gone")
    gone.cancel()
    await house.leave()
    await house.knock("next")
    assert house.inside == ["in", "next"]


@run
async def test_who_leaves_in_the_moment_of_its_turn_gives_the_place_back() -> None:
    house = House()
    await house.knock("in")
    gone = await house.knock("gone")
    house.admission.leave(Visit(Kind.SEARCH, KEY))
    gone.cancel()
    await house.settled()
    await house.knock("next")
    assert house.inside == ["in", "next"]


@run
async def test_what_runs_and_waits_is_told_to_prometheus() -> None:
    house = House()
    await house.knock("in")
    waits = await house.knock("waits")

    def told(name: str) -> float | None:
        return REGISTRY.get_sample_value(f"ragsite_requests_{name}", {"kind": "search"})

    assert (told("running"), told("waiting")) == (1, 1)
    waits.cancel()
    await house.leave()
    assert (told("running"), told("waiting")) == (0, 0)


@pytest.mark.parametrize(("at_once", "of_one"), [(1, 1), (2, 1), (4, 3), (10, 9), (16, 14)])
def test_a_tenant_may_have_all_places_but_those_that_are_kept_for_others(at_once: int, of_one: int) -> None:
    assert Capacity(at_once, 0, 0).at_once_of_one == of_one
