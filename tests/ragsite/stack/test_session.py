from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from ragsite.stack.session import servers
from ragsite.stack.stack import ServerState

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).resolve().parents[3]
VARIABLES = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"}
# The broker is the cheapest to start; what is tested here is the same for each server.
OTHERS = {"DATABASE_URL": "postgresql://db.example/rag", "REDIS_URL": "redis://cache.example:6379/0"}


def broker_state(stack) -> ServerState:
    return {status.name: status.state for status in stack.status()}["broker"]


def test_a_session_starts_what_is_missing_and_leaves_nothing_running(make_stack) -> None:
    stack = make_stack()
    with servers(stack.directory, {}) as environment:
        assert set(environment) == VARIABLES
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        running = [status.pid for status in stack.status()]
    assert None not in running
    assert {status.state for status in stack.status()} == {ServerState.STOPPED}
    assert {path.name for path in stack.directory.iterdir()} == {
        "postgresql", "redis", "broker", "lock", "sessions.lock",
    }  # fmt: skip


def test_a_session_with_every_url_given_starts_and_writes_nothing(tmp_path: Path) -> None:
    given = OTHERS | {
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092",
        "DATABASE_OWNER_URL": "postgresql://o@db.example/rag",
    }
    with servers(tmp_path / "stack", given | {"HOME": "/somewhere"}) as environment:
        assert environment == given
    assert not (tmp_path / "stack").exists()


def test_a_url_that_is_given_goes_with_those_of_the_servers_that_are_started(make_stack) -> None:
    with servers(make_stack(only="broker").directory, OTHERS) as environment:
        assert environment.items() > OTHERS.items()
        assert environment["KAFKA_BOOTSTRAP_SERVERS"].startswith("127.0.0.1:")


def test_a_session_leaves_running_what_ran_before(make_stack) -> None:
    stack = make_stack(only="broker")
    environment, pid = stack.up(), stack.server("broker").pid
    with servers(stack.directory, OTHERS) as found:
        assert found.items() > environment.items()
    assert stack.server("broker").pid == pid


def test_a_session_whose_block_fails_still_stops_its_servers(make_stack) -> None:
    stack = make_stack(only="broker")
    with pytest.raises(ZeroDivisionError), servers(stack.directory, OTHERS):
        raise ZeroDivisionError
    assert broker_state(stack) is ServerState.STOPPED


def test_the_last_of_two_sessions_stops_the_servers(make_stack) -> None:
    stack = make_stack(only="broker")
    first, second = servers(stack.directory, OTHERS), servers(stack.directory, OTHERS)
    started = first.__enter__()
    found = second.__enter__()
    first.__exit__(None, None, None)
    assert (broker_state(stack), found) == (ServerState.RUNNING, started)
    second.__exit__(None, None, None)
    assert broker_state(stack) is ServerState.STOPPED


def test_up_during_a_session_makes_the_servers_stay(make_stack) -> None:
    stack = make_stack(only="broker")
    with servers(stack.directory, OTHERS):
        stack.up()
    assert broker_state(stack) is ServerState.RUNNING


def test_what_a_killed_session_left_running_ends_with_the_next_one(make_stack) -> None:
    stack = make_stack(only="broker")
    script = f"""
import sys
from pathlib import Path
from ragsite.stack.session import servers
with servers(Path({str(stack.directory)!r}), {OTHERS!r}):
    print("ready", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "ready\n"
        os.kill(killed.pid, signal.SIGKILL)
    left = stack.server("broker").pid
    assert left is not None

    with servers(stack.directory, OTHERS):
        assert stack.server("broker").pid == left
    assert broker_state(stack) is ServerState.STOPPED
