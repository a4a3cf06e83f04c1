"""What `benchmarks.relay` measures, with Django set up."""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.documents.events import DocumentDeleted
from benchmarks.place import PROJECT, say
from ragsite.core.actors import Actor
from ragsite.core.ids import new_id
from ragsite.core.models import OutboxEvent
from ragsite.core.outbox import emit
from ragsite.core.outbox_days import outbox_purge
from ragsite.core.work import Turn

PAUSE_SECONDS = 0.8
"""Between single events: longer than the relay gathers."""

KEYS = 5_000
FILL = """
    INSERT INTO core_outboxevent (event_id, tenant_id, type, key, shard, payload, created_at, sent_at, attempts, error)
    SELECT gen_random_uuid(), gen_random_uuid(), 'document.deleted', key, key %% 4,
           jsonb_build_object('knowledge_base_id', gen_random_uuid(), 'document_id', gen_random_uuid()), %(at)s,
           CASE WHEN %(sent)s THEN %(at)s::timestamptz END, 0, ''
    FROM (SELECT n %% %(keys)s AS key FROM generate_series(1, %(events)s) n) numbers
"""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, by name."""
    forgetting = _forgetting(options.events)
    fill(options.events, at=datetime.now(UTC), sent=False)
    with relaying():
        rate = _rate(options.events)
        singles = _singles(options.single)
    return {
        "commit_to_broker_p50_ms": round(statistics.median(singles), 1),
        "commit_to_broker_p95_ms": round(statistics.quantiles(singles, n=20)[-1], 1),
        "relay_events_per_second": round(rate),
        **forgetting,
        "events": options.events,
    }


def fill(events: int, *, at: datetime, sent: bool) -> None:
    """So many rows of the outbox."""
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"events": events, "keys": KEYS, "at": at, "sent": sent})
        cursor.execute("ANALYZE core_outboxevent")


@contextlib.contextmanager
def relaying() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "relay"], cwd=PROJECT, env=os.environ)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _rate(events: int) -> float:
    say(f"{events:,} events wait")
    while _asked("SELECT EXISTS (SELECT FROM core_outboxevent WHERE sent_at IS NULL)"):
        time.sleep(0.2)
    first, last = _row("SELECT min(sent_at), max(sent_at) FROM core_outboxevent")
    return events / max(1e-9, (last - first).total_seconds())


def _singles(number: int) -> list[float]:
    """Milliseconds of each."""
    took = []
    for _ in range(number):
        time.sleep(PAUSE_SECONDS)
        sent = OutboxEvent.objects.filter(pk=_commit())
        until = time.monotonic() + 5
        while (row := sent.get()).sent_at is None:
            if time.monotonic() > until:
                raise SystemExit("An event was not sent within five seconds.")
            time.sleep(0.02)
        took.append(1000 * (row.sent_at - row.created_at).total_seconds())
    return took


def _commit() -> int:
    event = DocumentDeleted(tenant_id=new_id(), knowledge_base_id=new_id(), document_id=new_id())
    with transaction.atomic():
        (row,) = emit(event, actor=Actor.of_command("benchmark"))
    return int(row.pk)


def _forgetting(events: int) -> dict[str, Any]:
    """A day of events that go row by row, as it has no partition, and one that goes with its own."""
    long_ago, before_that = (datetime.now(UTC) - timedelta(days=days) for days in (20, 21))
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_outbox_day_make(%s)", [before_that.date()])
    fill(events, at=before_that, sent=True)
    by_day = _cost(lambda: outbox_purge(Turn.of(600)))
    fill(events, at=long_ago, sent=True)
    by_rows = _cost(lambda: outbox_purge(Turn.of(600)))
    left = _asked("SELECT count(*) FROM core_outboxevent")
    if left:
        raise SystemExit(f"{left} events are left.")
    return {
        "forgotten_by_rows_seconds": by_rows[0], "forgotten_by_rows_wal_bytes": by_rows[1],
        "forgotten_by_day_seconds": by_day[0], "forgotten_by_day_wal_bytes": by_day[1],
    }  # fmt: skip


def _cost(work: Callable[[], object]) -> tuple[float, int]:
    """Seconds, and bytes of WAL."""
    before, begun = _asked("SELECT pg_current_wal_lsn()"), time.perf_counter()
    work()
    took = round(time.perf_counter() - begun, 3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn() - %s::pg_lsn", [before])
        return took, int(cursor.fetchone()[0])


def _asked(statement: str) -> Any:
    return _row(statement)[0]


def _row(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: tuple[Any, ...] = cursor.fetchone()
    return found
