"""What the making, indexing and dropping of a partition locks, and that nobody notices."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from apps.documents.models import KnowledgeBaseDeletion, VersionStatus
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.retrieval.index import partitions
from apps.retrieval.index.generations import generation_ensure, generation_index_if_large
from apps.retrieval.index.partitions import partition_create, partition_drop, partition_holder, partition_index
from apps.retrieval.models import IndexGeneration
from ragsite.core.errors import TransientError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.retrieval.index.reading import PARENT, long_reader, searching
from tests.apps.retrieval.making import WIDTH, indexed, unit_vectors
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
MIGRATION = import_module("apps.retrieval.migrations.0011_partitions_beside_readers")
BEFORE, AFTER = 900_001, 900_002

# Whether a primary key is NO INHERIT means nothing for a table that has no children; after pg_restore it says so, too.
FACTS = {
    "table": """
        SELECT relkind, relpersistence, relispartition, relrowsecurity, relforcerowsecurity, reloptions, relacl::text,
            relowner, relreplident, relam, relhastriggers, pg_get_expr(relpartbound, oid), relnatts, reltablespace
        FROM pg_class WHERE oid = {part}""",
    "columns": """
        SELECT attnum, attname, atttypid, atttypmod, attnotnull, attstorage, attcompression, attstattarget, attinhcount,
            attislocal, atthasdef, attidentity, attgenerated, attoptions, attcollation, attisdropped
        FROM pg_attribute WHERE attrelid = {part} AND attnum > 0 ORDER BY attnum""",
    "constraints": """
        SELECT c.conname, contype, pg_get_constraintdef(c.oid), coninhcount, conislocal,
            c.connoinherit AND c.contype <> 'p', convalidated,
            (SELECT p.conname FROM pg_constraint p WHERE p.oid = c.conparentid)
        FROM pg_constraint c WHERE conrelid = {part} ORDER BY c.conname""",
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisprimary, indisunique, indisvalid, indisready,
            (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = indexrelid),
            (SELECT reloptions FROM pg_class WHERE oid = indexrelid)
        FROM pg_index WHERE indrelid = {part} ORDER BY 1""",
    "triggers": """
        SELECT tgname, tgenabled, tgfoid, tgtype, tgisinternal, tgdeferrable,
            (SELECT tgrelid::regclass::text FROM pg_trigger p WHERE p.oid = t.tgparentid)
        FROM pg_trigger t WHERE tgrelid = {part} ORDER BY tgname""",
    "policies": "SELECT polname FROM pg_policy WHERE polrelid = {part}",
    "statistics": "SELECT stxname FROM pg_statistic_ext WHERE stxrelid = {part}",
    "comments": "SELECT description FROM pg_description WHERE objoid = {part}",
    "toast": "SELECT reloptions FROM pg_class WHERE oid = (SELECT reltoastrelid FROM pg_class WHERE oid = {part})",
}

HELD = """
    SELECT l.relation::regclass::text, array_agg(DISTINCT l.mode)
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relnamespace = 'public'::regnamespace
      AND (c.relname LIKE 'retrieval%%' OR c.relname LIKE 'documents%%')
    GROUP BY 1
"""
READING = {"AccessShareLock"}
BESIDE_READERS_AND_WRITERS = READING | {"ShareUpdateExclusiveLock"}
BESIDE_READERS = BESIDE_READERS_AND_WRITERS | {"ShareLock"}


@pytest.fixture
def owner() -> Iterator[psycopg.Connection]:
    """A transaction of the owner; nothing of it stays."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"]) as session:
        yield session
        session.rollback()


def facts(owner: psycopg.Connection, number: int) -> dict[str, list[str]]:
    """Everything that the catalogue has of a partition, its number left out."""
    part = f"'{PARENT}_g{number}'::regclass"
    found = {name: owner.execute(query.format(part=part)).fetchall() for name, query in FACTS.items()}
    return {name: [repr(row).replace(str(number), "N") for row in rows] for name, rows in found.items()}


def generations() -> list[IndexGeneration]:
    return [generation_ensure(make.knowledge_base()) for _ in range(2)]


def held() -> dict[str, set[str]]:
    """What the present transaction holds of our tables and their indexes."""
    with connection.cursor() as cursor:
        cursor.execute(HELD)
        return {name: set(modes) for name, modes in cursor.fetchall()}


def there(generation: IndexGeneration) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [generation.partition])
        return bool(cursor.fetchone()[0])


def test_a_partition_is_in_everything_what_it_was_when_it_was_made_as_part_of_the_parent(
    owner: psycopg.Connection,
) -> None:
    for number, function in ((BEFORE, MIGRATION.CREATE_BEFORE), (AFTER, MIGRATION.CREATE)):
        owner.execute(function)
        owner.execute("SELECT retrieval_partition_create(%s, 384)", [number])
    before, after = facts(owner, BEFORE), facts(owner, AFTER)
    assert {name: sorted({*after[name]} ^ {*before[name]}) for name in FACTS if after[name] != before[name]} == {}
    assert [len(before[name]) for name in ("columns", "indexes", "triggers")] == [4, 2, 1]


def test_a_partition_that_was_made_before_is_indexed_and_dropped_by_the_new_functions(
    owner: psycopg.Connection,
) -> None:
    owner.execute(MIGRATION.CREATE_BEFORE)
    owner.execute("SELECT retrieval_partition_create(%s, 384)", [BEFORE])
    owner.execute(MIGRATION.CREATE)
    owner.execute("SELECT retrieval_partition_index(%s, 384)", [BEFORE])
    graph = f"{PARENT}_g{BEFORE}_hnsw"
    assert owner.execute("SELECT to_regclass(%s) IS NOT NULL", [graph]).fetchone() == (True,)
    owner.execute("SELECT retrieval_partition_drop(%s)", [BEFORE])
    assert owner.execute("SELECT to_regclass(%s)", [f"{PARENT}_g{BEFORE}"]).fetchone() == (None,)


def test_making_a_partition_locks_nothing_that_is_there_against_readers_or_writers() -> None:
    other, generation = generations()
    partition_drop(generation)
    with transaction.atomic():
        partition_create(generation)
        locks = {name: modes for name, modes in held().items() if not name.startswith(generation.partition)}
    assert "ShareUpdateExclusiveLock" in locks[PARENT]
    assert set().union(*locks.values()) <= BESIDE_READERS_AND_WRITERS
    assert not [name for name in locks if name.startswith(other.partition)]


def test_indexing_a_partition_locks_the_partition_alone_and_not_against_readers() -> None:
    generation, _ = indexed(make.knowledge_base(), unit_vectors(9))
    with transaction.atomic():
        partition_index(generation)
        locks = {name: modes for name, modes in held().items() if not name.endswith("_hnsw")}
    assert locks.pop(generation.partition) <= BESIDE_READERS
    assert set().union(*locks.values()) <= READING


def test_dropping_a_partition_locks_no_partition_but_its_own() -> None:
    other, generation = generations()
    with transaction.atomic():
        partition_drop(generation)
        locks = held()
    assert "AccessExclusiveLock" in locks[PARENT]
    assert not [name for name in locks if name.startswith(other.partition)]


def test_a_partition_that_is_being_made_goes_with_the_transaction_that_died() -> None:
    _, generation = generations()
    partition_drop(generation)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        partition_create(generation)
        raise ZeroDivisionError
    assert not there(generation)
    partition_create(generation)
    assert there(generation)


def test_a_request_for_the_whole_table_gives_up_before_searches_wait_long(owner: psycopg.Connection) -> None:
    _, generation = generations()
    owner.execute(f"LOCK TABLE {PARENT} IN ACCESS SHARE MODE")
    with pytest.raises(OperationalError) as error, connection.cursor() as cursor:
        cursor.execute("SELECT retrieval_partition_drop(%s)", [generation.pk])
    assert isinstance(error.value.__cause__, LockNotAvailable)
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'retrieval_partition_drop'")
        (source,) = cursor.fetchone()
    assert "set_config('lock_timeout', '50ms', true)" in source


def test_a_drop_that_waits_for_a_reader_of_its_partition_holds_nothing_of_the_parent(
    owner: psycopg.Connection,
) -> None:
    _, generation = generations()
    owner.execute(f"LOCK TABLE {generation.partition} IN ACCESS SHARE MODE")
    waiting = """
        SELECT (SELECT count(*) FROM pg_locks p WHERE p.pid = l.pid AND p.relation = 'retrieval_embedding'::regclass)
        FROM pg_locks l WHERE l.relation = %s::regclass AND l.mode = 'AccessExclusiveLock' AND NOT l.granted
    """

    def waits() -> list[int]:
        return [number for (number,) in owner.execute(waiting, [generation.partition]).fetchall()]

    with make.in_background(lambda: partition_drop(generation)):
        try:
            assert wait_for(waits, seconds=30, what="a drop that waits") == [0]
        finally:
            owner.rollback()
    assert not there(generation)


def test_two_that_drop_one_partition_drop_it_once() -> None:
    _, generation = generations()
    make.in_parallel(3, lambda: partition_drop(generation))
    assert not there(generation)


def test_who_keeps_a_partition_is_named_and_short_readers_of_our_own_are_not() -> None:
    _, generation = generations()
    assert partition_holder(generation) is None
    with transaction.atomic():
        assert generation.embeddings.count() == 0
        assert make.in_parallel(1, lambda: partition_holder(generation)) == [None]
    with long_reader() as reader:
        holder = partition_holder(generation)
        assert holder is not None
        assert (holder.process, holder.role, holder.application) == (
            reader.info.backend_pid, reader.info.user, "pg_dump",
        )  # fmt: skip
        assert holder.in_words.startswith(
            f"pg_dump (role {reader.info.user}, process {reader.info.backend_pid}, since 20"
        )


def test_where_nobody_is_named_and_the_table_is_never_left_the_drop_gives_up_in_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "TRIES", (0.0, 0.0))
    _, generation = generations()

    def refused() -> TransientError:
        with pytest.raises(TransientError, match="by searches and writers all the time") as error:
            partition_drop(generation)
        return error.value

    with transaction.atomic():
        assert generation.embeddings.count() == 0
        assert make.in_parallel(1, refused)[0].error_code == "busy"
    assert there(generation)


def test_searches_go_on_while_a_backup_reads_and_partitions_are_made_indexed_and_dropped(settings: Any) -> None:
    settings.RAGSITE_HNSW_MIN_ROWS = 1
    searched, doomed = make.ready_version().document, make.ready_version().document.knowledge_base
    removed = generation_ensure(doomed)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")
    with searching(searched.knowledge_base, "What does a berth cost?") as searches, long_reader():
        searches.go_on()
        made = make.ready_version(make.knowledge_base())
        searches.go_on()
        assert (searches.errors, made.status) == ([], VersionStatus.READY)
        for base in (made.document.knowledge_base, searched.knowledge_base):
            assert generation_index_if_large(generation_ensure(base))
        searches.go_on()
        knowledge_base_delete(knowledge_base=doomed, actor=ACTOR)
        make.run_deletions()
        searches.go_on()
        assert searches.errors == []
    deletion = KnowledgeBaseDeletion.objects.get()
    assert "while their table is read by pg_dump (role" in deletion.in_words
    assert (deletion.state, deletion.attempts, there(removed)) == ("removing", 0, True)
    with searching(searched.knowledge_base, "What does a berth cost?") as searches:
        KnowledgeBaseDeletion.objects.update(not_before=Now())
        make.run_deletions()
        searches.go_on()
        assert searches.errors == []
    deletion.refresh_from_db()
    assert (deletion.state, deletion.error, there(removed)) == ("done", "", False)
    assert generation_ensure(made.document.knowledge_base).dimensions == WIDTH
