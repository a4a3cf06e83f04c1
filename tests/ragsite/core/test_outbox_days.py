"""Days of the outbox are made ahead and dropped as a whole; what somebody may still need keeps its day."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now

from apps.documents.events import DocumentDeleted
from ragsite.core import bites, outbox_days
from ragsite.core.database import connection_of_own
from ragsite.core.models import OutboxEvent
from ragsite.core.outbox import emit
from ragsite.core.outbox_days import outbox_days_make, outbox_purge
from ragsite.core.transport import NO_KAFKA
from tests import turns
from tests.acting import ACTOR
from tests.filled import database_of_own


def event() -> OutboxEvent:
    told = DocumentDeleted(tenant_id=uuid.uuid4(), knowledge_base_id=uuid.uuid4(), document_id=uuid.uuid4())
    return emit(told, actor=ACTOR)[0]


def row(*, days_old: int, **fields: Any) -> int:
    """An event of a day in the past; what is set to a number of days was so long ago."""
    pk = event().pk
    told = {name: Now() - timedelta(days=one) if isinstance(one, int) else one for name, one in fields.items()}
    OutboxEvent.objects.filter(pk=pk).update(created_at=Now() - timedelta(days=days_old), **told)
    return pk


def day(ago: int) -> date:
    return datetime.now(UTC).date() - timedelta(days=ago)


def day_make(ago: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_outbox_day_make(%s)", [day(ago)])
        return bool(cursor.fetchone()[0])


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'core_outboxevent'::regclass"
        )
        return {name.removeprefix("core_outboxevent_") for (name,) in cursor.fetchall()}


def place(pk: int) -> str:
    """The partition in which a row lies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM core_outboxevent WHERE id = %s", [pk])
        return str(cursor.fetchone()[0]).removeprefix("core_outboxevent_")


@pytest.mark.django_db
def test_a_day_goes_as_a_whole_once_all_of_it_was_published_long_ago_and_nobody_removes_its_rows() -> None:
    assert day_make(9)
    gone = [row(days_old=9, sent_at=8) for _ in range(3)]
    young = row(days_old=0, sent_at=0)
    assert {place(pk) for pk in gone} == {f"{day(9):%Y%m%d}"}
    with connection.execute_wrapper(_no_delete):
        assert not outbox_purge(turns.long(), days=7)
    assert f"{day(9):%Y%m%d}" not in partitions()
    assert list(OutboxEvent.objects.values_list("pk", flat=True)) == [young]
    assert {f"{day(-ahead):%Y%m%d}" for ahead in range(4)} <= partitions(), "the days that come are there"


def _no_delete(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    if sql.startswith("DELETE"):
        assert params == [[]], "a row was removed"
    return execute(sql, params, many, context)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kept", "until"),
    [
        ({"sent_at": None}, None),
        ({"sent_at": 6}, None),
        ({"sent_at": 8, "error": "too large"}, None),
        ({"sent_at": 31, "error": "too large"}, 0),
    ],
)
def test_what_waits_or_was_published_lately_or_is_given_up_for_less_than_thirty_days_keeps_its_day(
    kept: dict[str, Any], until: int | None
) -> None:
    assert day_make(40)
    pk = row(days_old=40, **kept)
    assert not outbox_purge(turns.long(), days=7, dead_days=30)
    assert OutboxEvent.objects.filter(pk=pk).exists() == (until is None)
    assert (f"{day(40):%Y%m%d}" in partitions()) == (until is None)


@pytest.mark.django_db
def test_an_event_of_a_day_without_a_partition_is_kept_and_goes_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bites, "AT_ONCE", 2)
    rows = [row(days_old=20, sent_at=19 - number) for number in range(3)]
    waits = row(days_old=20)
    assert {place(pk) for pk in (*rows, waits)} == {"rest"}
    assert not day_make(20), "no partition is made for what is in the rest already"
    assert outbox_purge(turns.short(2)), "a bite at a time"
    assert set(OutboxEvent.objects.values_list("pk", flat=True)) == {rows[-1], waits}
    assert not outbox_purge(turns.long())
    assert OutboxEvent.objects.get().pk == waits


@pytest.mark.django_db
def test_what_waited_when_kafka_was_turned_off_goes_after_the_days_that_events_are_kept(settings: Any) -> None:
    assert day_make(9)
    old, young = row(days_old=9), row(days_old=6)
    settings.RAGSITE_KAFKA_BOOTSTRAP_SERVERS = NO_KAFKA
    assert not outbox_purge(turns.long())
    assert not OutboxEvent.objects.filter(pk=old).exists()
    assert OutboxEvent.objects.filter(pk=young).exists()
    assert not outbox_purge(turns.long())
    assert f"{day(9):%Y%m%d}" not in partitions()


@pytest.mark.django_db(transaction=True)
def test_a_day_that_somebody_reads_is_left_for_later_and_nobody_waits_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_days, "TRIES", (0.0,))
    assert day_make(9)
    with connection_of_own() as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM core_outboxevent")
        assert not outbox_purge(turns.long())
        assert f"{day(9):%Y%m%d}" in partitions()
    outbox_days_make()
    assert not outbox_purge(turns.long())
    assert f"{day(9):%Y%m%d}" not in partitions()


FILLED = "outbox_filled"


@pytest.fixture
def owner(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The owner's address of a database of the test's own, which Django knows as FILLED."""
    with database_of_own(FILLED, django_db_blocker) as url:
        yield url


WRITE = """
    INSERT INTO core_outboxevent (event_id, type, key, shard, payload, attempts, error, sent_at)
    SELECT gen_random_uuid(), 'document.created', n::text, n %% 4, '{}', 0, '', CASE WHEN n %% 2 = 0 THEN now() END
    FROM generate_series(%s::integer, %s::integer) n RETURNING id
"""
IN_ORDER = "SELECT id, key, tableoid::regclass::text FROM core_outboxevent ORDER BY id"


@pytest.mark.servers
def test_the_outbox_there_is_becomes_a_part_of_the_new_one_and_goes_on_counting(owner: str) -> None:
    def migrate(to: str) -> None:
        call_command("migrate", "core", to, database=FILLED, verbosity=0)

    migrate("0012")
    with psycopg.connect(owner) as database:
        before = [one for (one,) in database.execute(WRITE, [1, 4]).fetchall()]
    migrate("0014")
    with psycopg.connect(owner) as database:
        after = [one for (one,) in database.execute(WRITE, [5, 6]).fetchall()]
        found = database.execute(IN_ORDER).fetchall()
        assert [(pk, key) for pk, key, _ in found] == list(zip((*before, *after), "123456", strict=True))
        assert after[0] > before[-1]
        assert {part for _, _, part in found} == {"core_outboxevent_before"}
        plan = str(
            database.execute("EXPLAIN SELECT FROM core_outboxevent WHERE shard = 1 AND sent_at IS NULL").fetchall()
        )
        assert "core_outboxevent_before" in plan
    with psycopg.connect(owner) as database, pytest.raises(psycopg.errors.CheckViolation):
        database.execute(WRITE.replace("'', CASE", "repeat('x', 200000), CASE"), [7, 7])
    migrate("0012")
    with psycopg.connect(owner) as database:
        assert [pk for pk, _, _ in database.execute(IN_ORDER).fetchall()] == [*before, *after]
        assert database.execute(WRITE, [7, 7]).fetchall()[0][0] > after[-1]
    migrate("0014")
