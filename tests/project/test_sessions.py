"""What a test that ran out of time says of the database."""

from __future__ import annotations

import os
import threading

import psycopg
import pytest

from tests.sessions import is_late, sessions_told
from tests.waiting import wait_for

LOCK = "SELECT pg_advisory_xact_lock(7305299)"


@pytest.mark.servers
def test_a_session_that_waits_is_told_with_who_is_in_its_way() -> None:
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, application_name="holds") as one, psycopg.connect(url, application_name="waits") as other:
        one.execute(LOCK)
        pid = other.info.backend_pid
        waiting = threading.Thread(target=lambda: other.execute(LOCK))
        waiting.start()
        told = wait_for(lambda: found(f"blocked by {{{one.info.backend_pid}}}"), seconds=30, what="it is told")
        one.rollback()
        waiting.join()
    assert told.startswith(f"{pid} (ragsite_app, waits) active Lock advisory")
    assert LOCK in told


def found(words: str) -> str:
    return next((line for line in sessions_told().splitlines() if words in line), "")


def test_only_the_end_of_the_time_is_told_of() -> None:
    with pytest.raises(pytest.fail.Exception) as late:
        pytest.fail("Timeout (>240.0s) from pytest-timeout.")
    with pytest.raises(pytest.fail.Exception) as other:
        pytest.fail("it is wrong")
    assert [is_late(one.value) for one in (late, other)] == [True, False]
    assert not is_late(TimeoutError("Timeout"))


def test_without_a_database_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@127.0.0.1:1/x")
    assert sessions_told().startswith("They can't be asked: OperationalError")
    assert "secret" not in sessions_told()
