from __future__ import annotations

import os
import signal
import socket

import psycopg
import pytest
import redis

from ragsite.stack import ports
from ragsite.stack.keeper import Keeper
from ragsite.stack.server import Server
from ragsite.stack.stack import Stack
from tests.waiting import wait_for

pytestmark = pytest.mark.servers

NAMES = ("postgresql", "redis", "broker")


def kill(stack: Stack, name: str) -> None:
    pid = stack.server(name).pid
    assert pid
    os.kill(pid, signal.SIGKILL)


def told(events: list[str], text: str) -> bool:
    return any(text in event for event in events)


def test_each_server_that_is_killed_is_started_again_where_it_was_and_said(stack: Stack) -> None:
    environment = stack.up()
    pids = {name: stack.server(name).pid for name in NAMES}
    events: list[str] = []
    with Keeper(Stack(stack.directory, {}), tell=events.append):
        for name in NAMES:
            kill(stack, name)
        wait_for(lambda: sum("runs again" in event for event in events) == 3, seconds=60, what="all three")
    assert all(f"{name} ended (SIGKILL); it starts again in 2 s" in events for name in NAMES)
    assert all(stack.server(name).pid not in (None, pids[name]) for name in NAMES)
    assert stack.up() == environment
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("ragsite",)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.ping()


def test_a_server_whose_port_was_taken_meanwhile_is_tried_again_until_it_is_free(make_stack) -> None:
    stack = make_stack(only="broker")
    address = stack.up()["KAFKA_BOOTSTRAP_SERVERS"]
    events: list[str] = []
    with Keeper(stack, tell=events.append), socket.socket() as stranger:
        kill(stack, "broker")
        wait_for(lambda: ports.is_free(stack.server("broker").port), seconds=10, what="the broker's end")
        stranger.bind(("127.0.0.1", stack.server("broker").port))
        stranger.listen()
        wait_for(lambda: told(events, "does not start"), seconds=20, what="a try in vain")
        stranger.close()
        wait_for(lambda: told(events, f"broker runs again at {address}"), seconds=20, what="the broker")
    in_vain = next(event for event in events if "does not start" in event)
    assert f"Another program listens on {address}, the address of broker." in in_vain
    assert in_vain.endswith("It is tried again in 4 s.")


def test_a_server_that_dies_while_it_starts_again_and_leaves_its_port_late_keeps_its_address(
    make_stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(only="broker")
    address, broker = stack.up()["KAFKA_BOOTSTRAP_SERVERS"], stack.server("broker")
    broker.stop()
    answers, is_free, held = type(broker)._comes_to_answer, ports.is_free, socket.socket()
    looks: list[int] = []

    def dies_at_once(server: Server) -> bool:
        monkeypatch.setattr(type(broker), "_comes_to_answer", answers)
        server.stop()
        wait_for(lambda: is_free(server.port), seconds=10, what="its end")
        held.bind(("127.0.0.1", server.port))
        held.listen()
        monkeypatch.setattr(ports, "is_free", is_late)
        return False

    def is_late(port: int) -> bool:
        looks.append(port)
        if len(looks) == 3:
            held.close()
        return is_free(port)

    monkeypatch.setattr(type(broker), "_comes_to_answer", dies_at_once)
    broker.start_again()
    assert len(looks) >= 3
    assert broker.address == address == stack.up()["KAFKA_BOOTSTRAP_SERVERS"]


def test_a_server_that_does_not_come_up_is_given_up_when_the_block_ends(
    make_stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack(only="broker")
    stack.up()
    events: list[str] = []
    monkeypatch.setattr(type(stack.server("broker")), "_answers", lambda _: False)
    with Keeper(Stack(stack.directory, {"DATABASE_URL": "x", "REDIS_URL": "x"}), tell=events.append):
        first = stack.server("broker").pid
        kill(stack, "broker")
        wait_for(lambda: stack.server("broker").pid not in (None, first), seconds=20, what="its start")
    assert told(events, "was still starting when it was given up")
