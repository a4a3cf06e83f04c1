"""The line by which a process is seen to be there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pytest
import redis

from apps.models.gateway import lifeline
from apps.models.gateway.channel import redis_client
from apps.models.gateway.lifeline import Lifeline, Watch, lifeline_name
from ragsite.core.errors import ModelUnavailableError
from tests.waiting import wait_for

pytestmark = pytest.mark.servers

PATIENCE = 30.0
Process = tuple[int, str]


def lines(name: str) -> int:
    ((_, held),) = redis_client().pubsub_numsub(name)
    return int(held)


def _live(told: Connection) -> None:
    told.send(lifeline_name())
    signal.pause()


@pytest.fixture
def process() -> Iterator[Process]:
    """A process that was forked from this one, which holds a line too, and the name of its own."""
    lifeline_name()
    context = get_context("fork")
    told, tell = context.Pipe(duplex=False)
    child = context.Process(target=_live, args=(tell,), daemon=True)
    child.start()
    assert child.pid is not None
    assert told.poll(PATIENCE)
    yield child.pid, told.recv()
    child.kill()
    child.join()


def test_a_process_keeps_one_line_until_it_ends() -> None:
    name = lifeline_name()
    assert name is not None
    assert name == lifeline_name()
    assert lines(name) == 1


def test_a_process_that_is_frozen_is_there_and_one_that_was_killed_is_not(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifeline, "CUT_SECONDS", 0.0)
    (pid, name), watch = process, Watch()
    assert name != lifeline_name()

    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: _is_stopped(pid), seconds=PATIENCE, what="it is frozen")
    for _ in range(3):
        watch.check(name)

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ModelUnavailableError) as lost:
        wait_for(lambda: watch.check(name), seconds=PATIENCE, what="it is seen to be gone")
    assert lost.value.error_code == "worker_lost"


def _is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as told:
        return told.read().rpartition(")")[2].split()[0] == "T"


def test_a_line_that_breaks_is_laid_again_before_its_process_is_given_up() -> None:
    name, watch = lifeline_name(), Watch()
    assert name is not None
    assert redis_client().client_kill_filter(_type="pubsub") == 1

    def is_back() -> bool:
        watch.check(name)
        return lines(name) == 1 and lifeline_name() == name

    wait_for(is_back, seconds=PATIENCE, what="the line is held again")


@pytest.fixture
def allow() -> Iterator[Callable[..., redis.Redis]]:
    """Makes a client of a user who may do as much."""

    def allow(*rights: str) -> redis.Redis:
        redis_client().execute_command("ACL", "SETUSER", "limited", "on", ">word", "~*", "&*", "+@all", *rights)
        at = redis_client().connection_pool.connection_kwargs
        return redis.Redis(at["host"], at["port"], username="limited", password="word", decode_responses=True)

    yield allow
    redis_client().execute_command("ACL", "DELUSER", "limited")


def test_where_redis_lets_nobody_subscribe_there_is_no_line(
    allow: Callable[..., redis.Redis], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifeline, "GRANTED_SECONDS", 0.05)
    assert Lifeline(allow("-subscribe")).name() is None
    wait_for(lambda: "Redis refuses a subscription" in caplog.text, seconds=PATIENCE, what="it says why")


def test_where_redis_does_not_say_who_subscribes_nobody_is_taken_for_gone(
    allow: Callable[..., redis.Redis], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifeline, "CUT_SECONDS", 0.0)
    limited = allow("-pubsub")
    monkeypatch.setattr(lifeline, "redis_client", lambda: limited)
    watch = Watch()
    for _ in range(3):
        watch.check("nobody's")
