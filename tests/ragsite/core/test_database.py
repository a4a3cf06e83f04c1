from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from ragsite.core.database import SessionLock, connection_of_own, connection_release, connections_pooled
from tests.waiting import wait_for

NUMBER = 987_654_321


@pytest.fixture
def locks() -> Iterator[tuple[SessionLock, SessionLock]]:
    pair = SessionLock(NUMBER), SessionLock(NUMBER)
    yield pair
    for lock in pair:
        lock.release()


@pytest.mark.django_db(transaction=True)
def test_one_session_at_a_time_holds_a_lock(locks: tuple[SessionLock, SessionLock]) -> None:
    mine, theirs = locks
    assert mine.held()
    assert not theirs.held()
    assert mine.held(), "asking again must not lose the lock"
    mine.release()
    wait_for(theirs.held, seconds=10, what="the other session could take the lock")
    assert not mine.held()


@pytest.mark.django_db(transaction=True)
def test_locks_of_different_numbers_do_not_meet(locks: tuple[SessionLock, SessionLock]) -> None:
    other = SessionLock(NUMBER + 1)
    assert locks[0].held()
    assert other.held()
    other.release()


@pytest.mark.django_db(transaction=True)
def test_a_holder_whose_session_dies_learns_of_it_and_the_lock_is_free(locks: tuple[SessionLock, SessionLock]) -> None:
    mine, theirs = locks
    assert mine.held()
    with connection_of_own() as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s", [NUMBER]
        )
    with pytest.raises(psycopg.Error):
        mine.held()
    wait_for(theirs.held, seconds=10, what="the other session could take the lock")


def session_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


@pytest.mark.django_db(transaction=True)
def test_a_worker_keeps_the_connection_that_it_releases_and_notices_when_it_broke_meanwhile() -> None:
    first = session_pid()
    connection_release()
    assert session_pid() == first

    connection_release()
    with connection_of_own() as operator:
        operator.execute("SELECT pg_terminate_backend(%s)", [first])
        wait_for(lambda: _is_gone(operator, first), seconds=10, what="the session to end")
    assert session_pid() != first


@pytest.mark.django_db(transaction=True)
def test_without_lasting_connections_releasing_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    session_pid()
    connection_release()
    assert connection.connection is None
    assert session_pid()


@pytest.mark.django_db(transaction=True)
def test_releasing_inside_a_transaction_keeps_the_connection() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE held ON COMMIT DROP AS SELECT 1 AS one")
        connection_release()
        cursor.execute("SELECT one FROM held")
        assert cursor.fetchone() == (1,)


@pytest.mark.django_db(transaction=True)
def test_the_application_is_no_owner_and_does_not_pass_row_security() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db(transaction=True)
def test_pooled_connections_are_kept_when_they_are_given_back() -> None:
    def session() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), current_setting('synchronous_commit')")
            found = cursor.fetchone()
        connection_release()
        return found

    with connections_pooled(size=2, options="-c synchronous_commit=off"):
        pooled = [session() for _ in range(6)]
    pids = {pid for pid, _ in pooled}
    assert len(pids) <= 2
    assert {setting for _, setting in pooled} == {"off"}
    pid, setting = session()
    assert (pid in pids, setting) == (False, "on")


@pytest.mark.django_db
def test_in_a_transaction_connections_stay_as_they_are() -> None:
    with connections_pooled(size=2):
        assert "pool" not in connection.settings_dict["OPTIONS"]
        assert connection.in_atomic_block


def _is_gone(operator: psycopg.Connection[Any], pid: int) -> bool:
    return operator.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is None
