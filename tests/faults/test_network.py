"""A network between the system and its servers that is slow, that carries nothing for a while, or loses what was connected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ragsite.stack.stack import Stack
from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import Stand, figure, pause, standing, within
from tests.flows.checks import Database
from tests.lines import Line
from tests.servers import own_folder

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

DELAY_SECONDS = 0.01
"""Each way, as between two data centres of one country."""

SILENT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to servers that the system did not start, and those servers' own addresses."""

    database: Line
    redis: Line
    straight: dict[str, str]


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    with own_folder() as folder:
        stack = Stack(folder, {"KAFKA_BOOTSTRAP_SERVERS": "none"})
        with stack.session() as urls, Line(urls["DATABASE_URL"]) as database, Line(urls["REDIS_URL"]) as redis:
            yield Lines(database, redis, urls)


@pytest.fixture(scope="module")
def stand(lines: Lines) -> Iterator[Stand]:
    detour = {"DATABASE_URL": lines.database.url, "REDIS_URL": lines.redis.url}
    owner = {"DATABASE_OWNER_URL": lines.straight["DATABASE_OWNER_URL"]}
    with standing(straight=lines.straight["DATABASE_URL"], **detour, **owner) as started:
        yield started


@pytest.mark.timeout(900)
def test_connections_to_redis_that_are_dead_without_a_word_are_noticed_and_made_anew(
    stand: Stand, lines: Lines, database: Database
) -> None:
    base, before = stand.base("Half-open"), stand.restarts()
    with Uploads(stand, base, per_second=3) as uploads, Searches(stand, base, per_second=1) as searches:
        await_progress(database, base, seconds=60)
        lines.redis.strand()
        recovered = await_progress(database, base, seconds=60)
        pause(20)
    account = reconciled(database, base, uploads.told)
    figure(
        "C-09", recovered=recovered, longest_upload=uploads.told.longest(), longest_search=searches.told.longest(),
        degraded_searches=searches.degraded, searches=searches.told.outcomes(), account=str(account),
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert stand.restarts() == before
    assert recovered <= within(30)


@pytest.mark.timeout(900)
def test_a_line_to_postgresql_that_carries_nothing_for_a_while_refuses_in_words_and_loses_nothing(
    stand: Stand, lines: Lines, database: Database
) -> None:
    base, before = stand.base("Nothing is carried"), stand.restarts()
    with Uploads(stand, base, per_second=3) as uploads, Searches(stand, base, per_second=1) as searches:
        await_progress(database, base, seconds=60)
        lines.database.freeze()
        pause(SILENT_SECONDS)
        lines.database.thaw()
        recovered = await_progress(database, base, seconds=60)
    account = reconciled(database, base, uploads.told)
    figure(
        "C-09b", seconds_silent=SILENT_SECONDS, recovered=recovered, uploads=uploads.told.outcomes(),
        longest_upload=uploads.told.longest(), searches=searches.told.outcomes(), account=str(account),
    )  # fmt: skip
    assert stand.restarts() == before
    assert uploads.told.is_in_words()
    assert searches.told.is_in_words()


@pytest.mark.timeout(900)
def test_a_slow_network_makes_everything_slower_and_nothing_wrong(
    stand: Stand, lines: Lines, database: Database
) -> None:
    base = stand.base("A slow network")
    lines.database.delay = lines.redis.delay = DELAY_SECONDS
    try:
        with Uploads(stand, base, per_second=2) as uploads, Searches(stand, base, per_second=1) as searches:
            pause(20)
        account = reconciled(database, base, uploads.told, seconds=180)
    finally:
        lines.database.delay = lines.redis.delay = 0.0
    figure(
        "slow network", delay_ms=DELAY_SECONDS * 1000, upload_p50_ms=uploads.told.p(50),
        search_p50_ms=searches.told.p(50), degraded_searches=searches.degraded, account=str(account),
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
