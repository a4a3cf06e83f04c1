"""Everything at once for a while: uploads and searches, and every twenty seconds something that breaks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import psutil
import psycopg
import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from tests.faults.accounts import reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import WORKERS, Stand, figure, pause
from tests.flows import checks
from tests.flows.chaos import await_all_up, processes
from tests.flows.checks import Database

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

MINUTES = float(os.environ.get("FAULT_MINUTES", "5"))
"""The matrix has thirty: `make faults MINUTES=30`."""

EVERY_SECONDS = 20
FROZEN_SECONDS = 10
SETTLED_SECONDS = 120
KEYS = 50
OLDER, YOUNGER = 0.25, 0.75
"""Memory is compared between the samples of the second and of the last quarter."""


@pytest.mark.timeout(MINUTES * 60 + 420)
def test_nothing_is_lost_or_doubled_and_nothing_grows_while_something_breaks_all_the_time(
    stand: Stand, database: Database
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "51"))
    chance, base, broken, memory = random.Random(seed), stand.base("Soak"), Counter[str](), list[int]()
    keys = keys_of(stand)
    until = time.monotonic() + MINUTES * 60
    with Uploads(stand, base, per_second=2) as uploads, Searches(stand, base, per_second=1, senders=2) as searches:
        while time.monotonic() < until:
            pause(EVERY_SECONDS / 2)
            memory.append(web_memory(stand))
            pause(EVERY_SECONDS / 2)
            name = chance.choice(sorted(FAULTS))
            FAULTS[name](stand, chance)
            broken[name] += 1
    with psycopg.connect(stand.database_url, autocommit=True) as again:
        account = reconciled(again, base, uploads.told, seconds=SETTLED_SECONDS)
        await_all_up(stand.running, seconds=60)
        checks.await_outbox_sent(again, seconds=60)
    grown = round(mean(memory, YOUNGER) / mean(memory, OLDER), 2)
    figure(
        "C-51", seed=seed, minutes=MINUTES, broken=dict(broken), account=str(account), web_memory_growth=grown,
        uploads=uploads.told.outcomes(), searches=searches.told.outcomes(), degraded_searches=searches.degraded,
        trouble_searches=searches.told.longest_trouble(), redis_keys=(keys, keys_of(stand)),
    )  # fmt: skip
    assert uploads.told.is_in_words()
    assert searches.told.is_in_words()
    assert keys_of(stand) <= keys + KEYS
    assert grown <= 1.2


def kill_worker(stand: Stand, chance: random.Random) -> None:
    at_work = sorted(processes(stand.running, *WORKERS, "beat", "relay"))
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(at_work), signal.SIGKILL)


def kill_redis(stand: Stand, chance: random.Random) -> None:
    if pid := stand.stack.server("redis").pid:
        os.kill(pid, signal.SIGKILL)


def stop_worker(stand: Stand, chance: random.Random) -> None:
    if pid := stand.running.supervisor.pid(chance.choice(WORKERS)):
        os.kill(pid, signal.SIGTERM)


def cut_connections(stand: Stand, chance: random.Random) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ragsite_app'"
    with psycopg.connect(stand.stack.postgres._superuser().url, autocommit=True) as server:
        server.execute(cut)


def freeze_worker(stand: Stand, chance: random.Random) -> None:
    if pid := stand.running.supervisor.pid(chance.choice(WORKERS)):
        os.killpg(pid, signal.SIGSTOP)
        pause(FROZEN_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGCONT)


FAULTS: dict[str, Callable[[Stand, random.Random], None]] = {
    "a process of a worker killed": kill_worker,
    "Redis killed": kill_redis,
    "a worker told to stop": stop_worker,
    "connections to PostgreSQL cut": cut_connections,
    "a worker frozen for ten seconds": freeze_worker,
}


def web_memory(stand: Stand) -> int:
    """Bytes that the web process, which nothing here ends, has resident."""
    return int(psutil.Process(stand.running.supervisor.pid("web")).memory_info().rss)


def keys_of(stand: Stand) -> int:
    """How many keys Redis has, once it answers: what was broken last may have been Redis."""
    patient = Retry(ConstantBackoff(0.5), retries=60)
    with redis.Redis.from_url(stand.running.environ["REDIS_URL"], retry=patient) as client:
        return int(client.dbsize())


def mean(values: list[int], begin: float) -> float:
    """Of the quarter that begins there."""
    some = values[int(len(values) * begin) :][: max(1, len(values) // 4)]
    return sum(some) / len(some)
