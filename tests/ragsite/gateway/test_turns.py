from __future__ import annotations

from ragsite.gateway.turns import Turns
from ragsite.gateway.visits import Caller

ONE, TWO = Caller("a tenant", "one"), Caller("a tenant", "two")
OTHER = Caller("another tenant", "three")


def anybody(tenant: str) -> bool:
    return True


def waiting(*things: tuple[Caller, str]) -> Turns[str]:
    turns: Turns[str] = Turns()
    for caller, thing in things:
        turns.add(caller, thing)
    return turns


def all_of(turns: Turns[str]) -> list[str]:
    return list(iter(lambda: turns.next(anybody), None))


def test_tenants_take_turns_and_within_a_tenant_its_keys() -> None:
    turns = waiting((ONE, "a1"), (ONE, "a2"), (ONE, "a3"), (TWO, "b1"), (OTHER, "c1"), (OTHER, "c2"))
    assert all_of(turns) == ["a1", "c1", "b1", "c2", "a2", "a3"]
    assert len(turns) == 0


def test_a_tenant_that_may_not_is_passed_by_and_keeps_its_place() -> None:
    turns = waiting((ONE, "a1"), (OTHER, "c1"), (OTHER, "c2"))
    assert turns.next(lambda tenant: tenant == OTHER.tenant) == "c1"
    assert turns.next(anybody) == "a1"
    assert turns.next(lambda tenant: tenant == ONE.tenant) is None


def test_how_many_are_called_before_one_that_comes_now() -> None:
    turns = waiting((ONE, "a1"), (ONE, "a2"), (ONE, "a3"), (TWO, "b1"), (OTHER, "c1"), (OTHER, "c2"))
    assert [turns.ahead_of(caller) for caller in (ONE, TWO, OTHER, Caller("a third", ""))] == [6, 4, 4, 0]
    assert turns.ahead_of(Caller(ONE.tenant, "new")) == 0


def test_what_waits_no_longer_is_not_called() -> None:
    turns = waiting((ONE, "a1"), (ONE, "a2"))
    assert turns.remove(ONE, "a1")
    assert not turns.remove(ONE, "a1")
    assert not turns.remove(OTHER, "c1")
    assert (len(turns), all_of(turns)) == (1, ["a2"])


def test_the_longest_queue_is_found_and_gives_what_came_last() -> None:
    turns = waiting((OTHER, "c1"), (ONE, "a1"), (TWO, "b1"), (TWO, "b2"))
    assert turns.most() == TWO
    assert (turns.of_tenant(ONE.tenant), turns.of_key(TWO), turns.of_key(OTHER)) == (3, 2, 1)
    assert turns.newest(TWO) == "b2"
