"""Which of several servers is asked. Time is the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.servers.errors import ModelServerBusyError, ModelServerError
from apps.models.servers.pool import MOST_REST_SECONDS, REST_SECONDS, ServerPool
from ragsite.core.errors import PermanentError, RagError


@dataclass
class World:
    """Servers that fail or not, what they were asked, and the time."""

    failures: dict[str, RagError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)
    now: float = 0.0

    def pool(self, *urls: str) -> ServerPool:
        return ServerPool(urls, probe=self.probe, clock=lambda: self.now)

    def probe(self, url: str) -> None:
        self.probed.append(url)
        if url in self.failures:
            raise self.failures[url]

    def ask(self, url: str) -> AbstractContextManager[str]:
        return self._asked(url)

    @contextmanager
    def _asked(self, url: str) -> Iterator[str]:
        self.asked.append(url)
        if url in self.failures:
            raise self.failures[url]
        yield url


@pytest.fixture
def world() -> World:
    return World()


def ask(pool: ServerPool, world: World) -> str:
    with ExitStack() as stack:
        return pool.ask(world.ask, stack)


def test_idle_servers_take_turns(world: World) -> None:
    pool = world.pool("a", "b", "c")
    assert [ask(pool, world) for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_the_one_with_the_fewest_calls_under_way_is_asked(world: World) -> None:
    pool, held = world.pool("a", "b"), ExitStack()
    assert pool.ask(world.ask, held) == "a"
    assert [ask(pool, world) for _ in range(3)] == ["b", "b", "b"]
    held.close()
    assert ask(pool, world) == "a", "it has nothing to do, and had fewer turns"


def test_the_next_one_is_asked_where_one_fails(world: World) -> None:
    world.failures["a"] = ModelServerError("boom")
    pool = world.pool("a", "b")
    assert ask(pool, world) == "b"
    assert world.asked == ["a", "b"]


@pytest.mark.parametrize("error", [ModelServerError("boom"), DeadlineExceededError("hangs")])
def test_one_that_failed_is_left_alone_then_looked_at_once_and_asked_again(world: World, error: RagError) -> None:
    world.failures["a"] = error
    pool = world.pool("a", "b")
    ask(pool, world)
    world.now = REST_SECONDS - 0.1
    assert ask(pool, world) == "b"
    assert world.probed == []
    world.now = REST_SECONDS
    assert (ask(pool, world), world.probed) == ("b", ["a"])
    world.now += REST_SECONDS
    assert (ask(pool, world), world.probed) == ("b", ["a"]), "the second rest is longer"
    del world.failures["a"]
    world.now += REST_SECONDS
    assert (ask(pool, world), world.probed) == ("a", ["a", "a"])


def test_a_rest_has_its_longest(world: World) -> None:
    world.failures["a"] = ModelServerError("boom")
    pool = world.pool("a", "b")
    ask(pool, world)
    for _ in range(20):
        world.now += MOST_REST_SECONDS
        ask(pool, world)
    assert len(world.probed) == 20


def test_a_probe_is_no_callers_and_comes_before_no_other_server(world: World) -> None:
    world.failures["a"] = ModelServerError("boom")
    pool = world.pool("a", "b")
    ask(pool, world)
    world.now = REST_SECONDS
    ask(pool, world)
    assert world.asked == ["a", "b", "b"], "the call went to the one that was well"


def test_a_server_that_refuses_a_probe_is_there(world: World) -> None:
    world.failures["a"] = ModelServerError("boom")
    pool = world.pool("a", "b")
    ask(pool, world)
    world.failures["a"] = PermanentError("it lists no models")
    world.now = REST_SECONDS
    with pytest.raises(PermanentError):
        ask(pool, world)
    assert world.asked[-1] == "a"


def test_a_busy_one_rests_as_long_as_it_says(world: World) -> None:
    world.failures["a"] = ModelServerBusyError("full", retry_after=1.5)
    pool = world.pool("a", "b")
    ask(pool, world)
    del world.failures["a"]
    world.now = 1.4
    assert ask(pool, world) == "b"
    world.now = 1.5
    assert ask(pool, world) == "a"


def test_of_servers_that_all_rest_the_one_is_asked_that_rests_the_least_longer(world: World) -> None:
    world.failures |= {"a": ModelServerError("a"), "b": ModelServerError("b")}
    pool = world.pool("a", "b")
    with pytest.raises(ModelServerError, match="b"):
        ask(pool, world)
    del world.failures["b"]
    assert ask(pool, world) == "b", "after one that is still not well"


def test_a_lone_server_is_asked_each_time(world: World) -> None:
    world.failures["a"] = ModelServerError("boom")
    pool = world.pool("a")
    for _ in range(3):
        with pytest.raises(ModelServerError):
            ask(pool, world)
    del world.failures["a"]
    assert (ask(pool, world), world.probed) == ("a", [])


def test_what_would_be_refused_everywhere_is_asked_of_one(world: World) -> None:
    world.failures["a"] = PermanentError("too long")
    pool = world.pool("a", "b")
    with pytest.raises(PermanentError):
        ask(pool, world)
    assert world.asked == ["a"]
    del world.failures["a"]
    held = ExitStack()
    assert {pool.ask(world.ask, held), pool.ask(world.ask, held)} == {"a", "b"}, "no failure of the server"
