"""The PostgreSQL that takes writes is lost, and the one that followed it takes its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import Stand, Watch, figure, pause, standing, within
from tests.faults.standby import Pair, pair
from tests.servers import own_folder

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]


@pytest.fixture
def servers() -> Iterator[Pair]:
    with own_folder() as folder, pair(folder) as both:
        yield both


@pytest.fixture
def stand(servers: Pair) -> Iterator[Stand]:
    urls: dict[str, Any] = {
        "DATABASE_URL": servers.url("ragsite_app"),
        "DATABASE_OWNER_URL": servers.url("ragsite_owner"),
    }
    with standing(straight=servers.second_url("ragsite_app"), **urls) as started:
        yield started


@pytest.mark.timeout(1260)
def test_the_server_that_followed_takes_over_and_nothing_that_was_accepted_is_lost(servers: Pair, stand: Stand) -> None:
    base, before = stand.base("Failover"), stand.restarts()
    with (
        psycopg.connect(stand.database_url, autocommit=True) as database,
        Uploads(stand, base, per_second=4) as uploads,
        Searches(stand, base, per_second=3) as searches,
    ):
        await_progress(database, base, seconds=60)
        pause(5)
        watch = Watch()
        servers.first_die()
        servers.second_take_over()
        promoted = watch.seconds
        progress = await_progress(database, base, seconds=60)
        pause(10)
    with psycopg.connect(stand.database_url, autocommit=True) as database:
        account = reconciled(database, base, uploads.told)
    trouble = max(uploads.told.longest_trouble(), searches.told.longest_trouble())
    figure(
        "C-45 failover", promoted=promoted, work_goes_on=progress, trouble=trouble,
        uploads=uploads.told.outcomes(), searches=searches.told.outcomes(), account=str(account),
    )  # fmt: skip
    assert stand.restarts() == before
    assert uploads.told.is_in_words()
    assert searches.told.is_in_words()
    assert trouble <= promoted + within(10)
