"""Redis, which is only the doorbell: killed, killed with work in flight, frozen, full, made to forget."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.faults.accounts import await_progress, probed, ready_of, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import Stand, Watch, figure, pause
from tests.flows.chaos import lose_redis
from tests.flows.checks import Database

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

FROZEN_SECONDS = 20
FULL_SECONDS = 15
FEW_BYTES = 1_000_000
"""Less than Redis takes by itself, so that it is full at once."""


@pytest.mark.timeout(1800)
def test_redis_that_is_killed_ten_times_and_then_emptied_loses_nothing(stand: Stand, database: Database) -> None:
    base = stand.base("Redis is killed")
    with Uploads(stand, base, per_second=20) as uploads:
        for _ in range(10):
            pause(2)
            kill_redis(stand)
    lose_redis(stand.running)
    account = reconciled(database, base, uploads.told, seconds=300)
    figure("C-06", kills=10, account=str(account), longest_upload=uploads.told.longest(), told=uploads.told.outcomes())
    assert set(uploads.told.outcomes()) == {"ok"}


@pytest.mark.timeout(1800)
def test_no_worker_ends_when_redis_is_killed_twenty_times_with_work_in_flight(stand: Stand, database: Database) -> None:
    base, before, healed = stand.base("Redis is killed under work"), stand.restarts(), []
    with Uploads(stand, base, per_second=5) as uploads:
        await_progress(database, base, seconds=60)
        for _ in range(20):
            kill_redis(stand)
            healed.append(await_progress(database, base, seconds=30))
    account = reconciled(database, base, uploads.told, seconds=300)
    figure("C-07", kills=20, healed_most=max(healed), healed_mean=round(sum(healed) / 20, 1), account=str(account))
    assert stand.restarts() == before, "a worker ended when Redis went away"


@pytest.mark.timeout(900)
def test_a_redis_that_is_frozen_keeps_nobody_from_uploading_and_work_goes_on_afterwards(
    stand: Stand, database: Database
) -> None:
    base, before = stand.base("Redis is frozen"), stand.restarts()
    pid = stand.stack.server("redis").pid
    assert pid
    with Uploads(stand, base, per_second=3) as uploads, Searches(stand, base, per_second=1) as searches:
        await_progress(database, base, seconds=60)
        os.kill(pid, signal.SIGSTOP)
        try:
            pause(FROZEN_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        resumed = await_progress(database, base, seconds=60)
    account = reconciled(database, base, uploads.told)
    figure(
        "C-08", seconds_frozen=FROZEN_SECONDS, resumed=resumed, longest_upload=uploads.told.longest(),
        longest_search=searches.told.longest(), degraded_searches=searches.degraded, account=str(account),
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert searches.degraded > 0
    assert stand.restarts() == before


@pytest.mark.timeout(900)
def test_a_redis_that_is_full_refuses_rings_evicts_nothing_and_is_used_again_once_there_is_room(
    stand: Stand, database: Database
) -> None:
    base, before, client = stand.base("Redis is full"), stand.restarts(), client_of(stand)
    evicted = client.info("stats")["evicted_keys"]
    with Uploads(stand, base, per_second=3) as uploads, Searches(stand, base, per_second=1) as searches:
        await_progress(database, base, seconds=60)
        with limited(client, FEW_BYTES, "noeviction"):
            pause(FULL_SECONDS)
        watch = Watch()
        await_progress(database, base, seconds=60)
        resumed = watch.seconds
    account = reconciled(database, base, uploads.told)
    figure(
        "C-12", seconds_full=FULL_SECONDS, resumed=resumed, longest_upload=uploads.told.longest(),
        longest_search=searches.told.longest(), degraded_searches=searches.degraded, account=str(account),
        restarts=stand.restarts() != before,
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert client.info("stats")["evicted_keys"] == evicted
    assert stand.restarts() == before, "a worker ended while Redis was full"


@pytest.mark.timeout(900)
def test_a_redis_that_evicts_what_was_rung_costs_time_and_no_document(stand: Stand, database: Database) -> None:
    base, other, client = stand.base("Redis evicts"), stand.base("Redis evicted"), client_of(stand)
    evicted = client.info("stats")["evicted_keys"]
    with Uploads(stand, base, per_second=5) as uploads, limited(client, FEW_BYTES, "allkeys-random"):
        pause(FULL_SECONDS)
    lost = client.info("stats")["evicted_keys"] - evicted
    account = reconciled(database, base, uploads.told)
    healed = probed(stand, database, other, "after", seconds=60)
    figure("C-12b", evicted=lost, healed=healed, ready=ready_of(database, base), account=str(account))
    assert lost > 0


def kill_redis(stand: Stand) -> None:
    """Kill it, and start it where it was without waiting for whoever looks after it."""
    server = stand.stack.server("redis")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    stand.stack.start_again(server)


def client_of(stand: Stand) -> redis.Redis:
    return redis.Redis.from_url(stand.running.environ["REDIS_URL"])


@contextmanager
def limited(client: redis.Redis, most: int, policy: str) -> Iterator[None]:
    """Within the block Redis has so many bytes, and does with what is too much as the policy says."""
    wanted = {"maxmemory": str(most), "maxmemory-policy": policy}
    usual = {name: client.config_get(name)[name] for name in wanted}
    try:
        _configure(client, wanted)
        yield
    finally:
        _configure(client, usual)


def _configure(client: redis.Redis, values: dict[str, str]) -> None:
    for name, value in values.items():
        client.config_set(name, value)
