"""PostgreSQL: its connections cut, its server ended and started again, under uploads and searches."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import Stand, Watch, figure, pause, within
from tests.flows.checks import Database

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'ragsite_app' AND pid <> pg_backend_pid()"
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ragsite_app'"
BUDGET = 55 + 39 + 40
"""The web process, the model worker, and all others: see the manual on operations."""

TROUBLE_SECONDS = 3.0


@pytest.mark.timeout(1260)
def test_connections_that_are_cut_cost_seconds_and_no_worker(stand: Stand, database: Database) -> None:
    base, before, cut = stand.base("Connections are cut"), stand.restarts(), 0
    with (
        superuser(stand) as server,
        Uploads(stand, base, per_second=4) as uploads,
        Searches(stand, base, per_second=3) as searches,
        counted(server) as most,
    ):
        await_progress(database, base, seconds=60)
        for _ in range(5):
            pause(4)
            ((count,),) = server.execute(CUT).fetchall()
            cut += int(count)
        pause(4)
    with psycopg.connect(stand.database_url, autocommit=True) as again:
        account = reconciled(again, base, uploads.told)
    figure(
        "C-45", cuts=5, connections_cut=cut, trouble_uploads=uploads.told.longest_trouble(),
        trouble_searches=searches.told.longest_trouble(), uploads=uploads.told.outcomes(),
        searches=searches.told.outcomes(), most_connections=max(most), account=str(account),
    )  # fmt: skip
    assert stand.restarts() == before
    assert max(uploads.told.longest_trouble(), searches.told.longest_trouble()) <= within(TROUBLE_SECONDS)
    assert max(most) <= BUDGET


@pytest.mark.timeout(1260)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_server_that_is_started_again_under_load_finds_everybody_at_work(stand: Stand, how: signal.Signals) -> None:
    base, before, server = stand.base(f"PostgreSQL and {how.name}"), stand.restarts(), stand.stack.server("postgresql")
    down = []
    with Uploads(stand, base, per_second=4) as uploads, Searches(stand, base, per_second=3) as searches:
        for _ in range(3):
            pause(5)
            watch = Watch()
            if how is signal.SIGINT:
                server.stop()
            else:
                assert server.pid
                os.killpg(server.pid, how)
            stand.stack.start_again(server)
            down.append(watch.seconds)
        pause(5)
    with psycopg.connect(stand.database_url, autocommit=True) as database:
        account = reconciled(database, base, uploads.told)
    trouble = max(uploads.told.longest_trouble(), searches.told.longest_trouble())
    figure(
        f"C-45 {how.name}", restarts=3, down=down, trouble=trouble, uploads=uploads.told.outcomes(),
        searches=searches.told.outcomes(), account=str(account),
    )  # fmt: skip
    assert stand.restarts() == before
    assert uploads.told.is_in_words()
    assert searches.told.is_in_words()
    assert trouble <= max(down) + within(5)


@contextmanager
def superuser(stand: Stand) -> Iterator[Database]:
    with psycopg.connect(stand.stack.postgres._superuser().url, autocommit=True) as connection:
        yield connection


@contextmanager
def counted(server: Database) -> Iterator[list[int]]:
    """How many connections the application had, twice a second."""
    found, stop = [0], threading.Event()

    def count() -> None:
        with psycopg.connect(server.info.dsn, password=server.info.password, autocommit=True) as own:
            while not stop.wait(0.5):
                found.append(int(own.execute(OPEN).fetchall()[0][0]))

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()
