"""What takes events away: Kafka is down, ClickHouse's consumer is frozen, a transaction stays open."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.accounts import await_progress, reconciled
from tests.faults.load import Searches, Uploads
from tests.faults.stand import Stand, Watch, figure, pause, standing, within
from tests.flows import checks
from tests.flows.checks import Database
from tests.waiting import wait_for

pytestmark = [pytest.mark.fault, pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

DOWN_SECONDS = 45
"""The matrix has two minutes for Kafka and ten for ClickHouse: shortened, so that a night has room for all of it."""

OPEN_SECONDS = 20
UNSENT = "SELECT count(*) FROM core_outboxevent WHERE sent_at IS NULL"
COPY = """
    INSERT INTO core_outboxevent (event_id, tenant_id, type, key, shard, payload, actor, attempts, error)
    SELECT gen_random_uuid(), tenant_id, type, gen_random_uuid(), shard, payload, actor, 0, ''
    FROM core_outboxevent ORDER BY id DESC LIMIT 1
"""
DELAYS = """
    SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM sent_at - created_at))::float, count(*)
    FROM core_outboxevent WHERE created_at > %s AND sent_at IS NOT NULL
"""


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with standing(CLICKHOUSE_URL="embedded") as started:
        yield started


@pytest.mark.timeout(1260)
def test_while_kafka_is_down_nobody_notices_and_afterwards_all_that_happened_is_told_once(
    stand: Stand, database: Database
) -> None:
    base, broker = stand.base("Kafka is down"), stand.stack.server("broker")
    with Uploads(stand, base, per_second=4) as uploads, Searches(stand, base, per_second=2) as searches:
        await_progress(database, base, seconds=60)
        calm = time.monotonic()
        pause(15)
        down = time.monotonic()
        with stand.stack._changing():  # who would start it again waits for that
            broker.stop()
            pause(DOWN_SECONDS)
        up = time.monotonic()
    waited = int(database.execute(UNSENT).fetchall()[0][0])
    stand.stack.start_again(broker)
    watch = Watch()
    checks.await_outbox_sent(database, seconds=within(90))
    drained = watch.seconds
    account = reconciled(database, base, uploads.told)
    figure(
        "C-25", seconds_down=DOWN_SECONDS, waiting_afterwards=waited, drained=drained, account=str(account),
        search_p95_before_ms=searches.told.p(95, since=calm, until=down),
        search_p95_while_down_ms=searches.told.p(95, since=down, until=up),
        upload_p95_before_ms=uploads.told.p(95, since=calm, until=down),
        upload_p95_while_down_ms=uploads.told.p(95, since=down, until=up),
    )  # fmt: skip
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert waited > 100
    assert drained <= within(60)


@pytest.mark.timeout(1260)
def test_a_consumer_for_reports_that_is_frozen_catches_up_and_keeps_nobody_waiting(
    stand: Stand, database: Database
) -> None:
    base, pid = stand.base("Reports are frozen"), stand.running.supervisor.pid("analytics")
    assert pid
    with Uploads(stand, base, per_second=4) as uploads, Searches(stand, base, per_second=2) as searches:
        await_progress(database, base, seconds=60)
        os.kill(pid, signal.SIGSTOP)
        try:
            pause(DOWN_SECONDS)
        finally:
            os.kill(pid, signal.SIGCONT)
        watch = Watch()
    account = reconciled(database, base, uploads.told)
    checks.await_outbox_sent(database, seconds=60)
    wait_for(lambda: waiting_of_reports(stand) == 0, seconds=within(120), what="the consumer has caught up", every=1)
    figure("C-27", seconds_frozen=DOWN_SECONDS, caught_up=watch.seconds, account=str(account))
    assert set(uploads.told.outcomes()) == set(searches.told.outcomes()) == {"ok"}
    assert stand.running.supervisor.pid("analytics") == pid


@pytest.mark.timeout(720)
def test_a_transaction_that_stays_open_delays_no_event_but_its_own(stand: Stand, database: Database) -> None:
    base = stand.base("A transaction stays open")
    stand.client.upload(base, ("before.txt", b"The ferry leaves at nine."))
    with psycopg.connect(stand.database_url) as held:
        held.execute(COPY)
        ((began,),) = database.execute("SELECT now()").fetchall()
        with Uploads(stand, base, per_second=3):
            pause(OPEN_SECONDS)
        wait_for(lambda: database.execute(UNSENT).fetchone() == (0,), seconds=within(60), what="all events are sent")
        ((late, number),) = database.execute(DELAYS, [began]).fetchall()
        held.rollback()
    figure("C-22", seconds_open=OPEN_SECONDS, events=number, p99_seconds=round(late, 2))
    assert number > 3 * OPEN_SECONDS
    assert late <= within(2)


def waiting_of_reports(stand: Stand) -> int:
    """Messages that the consumer for reports has not taken."""
    told = stand.running.manage("consume_events", "--dry-run", "--json")
    return int(json.loads(told.splitlines()[-1])["waiting"])
