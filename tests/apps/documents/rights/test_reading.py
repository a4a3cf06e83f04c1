from __future__ import annotations

import pytest
from django.db import DataError, ProgrammingError, connection, transaction

from apps.documents.models import Document
from apps.documents.rights import access
from apps.documents.rights.access import AccessScope, Reading, read_in_one_trip, reading_as
from tests import factories as make

READABLE = ["documents_chunk", "documents_document", "documents_documentversion", "documents_grant",
            "documents_parsedtext", "retrieval_embedding", "retrieval_lexicalsegment", "retrieval_storedversion"]  # fmt: skip


def rows(statement: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def state() -> tuple[object, ...]:
    return rows("SELECT current_user, coalesce(current_setting('ragsite.tenant', true), '')")[0]


@pytest.fixture
def scope(db: None) -> AccessScope:
    return make.scope(make.ready_version().document.knowledge_base)


def test_neither_the_application_nor_the_reader_is_above_the_policies(db: None) -> None:
    roles = rows("""
        SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles
        WHERE rolname IN (current_user, 'ragsite_reader') ORDER BY 1
    """)
    assert roles == [("ragsite_app", *[False] * 4), ("ragsite_reader", *[False] * 4)]
    owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) IN ('ragsite_app', 'ragsite_reader')"
    assert rows(owned) == [(0,)]
    assert rows("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'ragsite_reader'") == [(False,)]
    assert rows("SELECT pg_has_role('ragsite_app', 'ragsite_reader', 'USAGE')") == [(False,)], (
        "rights are not inherited"
    )


def test_the_reader_may_read_those_tables_and_nothing_else(db: None) -> None:
    rights = rows("""
        SELECT c.relname, array_agg(a.privilege_type::text) FROM pg_class c, aclexplode(c.relacl) a
        WHERE a.grantee = 'ragsite_reader'::regrole GROUP BY 1 ORDER BY 1
    """)
    assert rights == [(table, ["SELECT"]) for table in READABLE]
    walled = rows("SELECT relname FROM pg_class WHERE relrowsecurity ORDER BY 1")
    assert [table for (table,) in walled] == READABLE


def test_no_function_of_ours_is_for_everybody(db: None) -> None:
    open_to_all = rows("""
        SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
        AND (p.proname LIKE 'ragsite%' OR p.proname LIKE 'retrieval%') AND has_function_privilege('public', p.oid, 'EXECUTE')
    """)
    assert open_to_all == []


@pytest.mark.parametrize("table", READABLE)
def test_who_reads_as_nobody_sees_no_row(scope: AccessScope, table: str) -> None:
    with transaction.atomic():
        rows("SELECT set_config('role', 'ragsite_reader', true)")
        assert rows(f"SELECT 1 FROM {table}") == []  # noqa: S608
        transaction.set_rollback(True)


def test_the_reader_sees_its_rows_and_writes_none(scope: AccessScope) -> None:
    with reading_as(scope):
        assert state() == ("ragsite_reader", str(scope.tenant_id))
        assert Document.objects.count() == 1
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Document.objects.update(title="Mine")
    assert Document.objects.get().title != "Mine"


def test_a_partition_is_not_a_way_around(scope: AccessScope) -> None:
    # Of this test's generation, and of any that an earlier test left.
    partitions = rows("SELECT relname FROM pg_class WHERE relname ~ '^retrieval_embedding_g[0-9]+$'")
    assert partitions
    with reading_as(scope):
        assert rows("SELECT 1 FROM retrieval_embedding LIMIT 1") == [(1,)]
        for (partition,) in partitions:
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                rows(f"SELECT 1 FROM {partition}")  # noqa: S608


def test_nothing_of_it_outlives_the_block_not_even_inside_a_transaction(scope: AccessScope) -> None:
    before = state()
    with transaction.atomic():
        with reading_as(scope):
            assert rows("SELECT set_config('hnsw.ef_search', '77', true)") == [("77",)]
        assert state() == before
        assert rows("SELECT current_setting('hnsw.ef_search', true)") != [("77",)]
    assert state() == before


def test_an_error_in_the_block_leaves_nothing_either(scope: AccessScope) -> None:
    with pytest.raises(ZeroDivisionError), reading_as(scope):
        raise ZeroDivisionError
    assert state() == ("ragsite_app", "")


def test_reading_for_somebody_within_reading_for_another_ends_where_it_began(scope: AccessScope) -> None:
    other = make.scope(make.knowledge_base())
    with reading_as(scope):
        with reading_as(other):
            assert Document.objects.count() == 0
        assert state() == ("ragsite_reader", str(scope.tenant_id))
        assert Document.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_goes_back_as_it_came() -> None:
    scope = make.scope(make.ready_version().document.knowledge_base)
    before = rows("SELECT pg_backend_pid()")
    with reading_as(scope):
        assert rows("SELECT pg_backend_pid()") == before
    assert state() == ("ragsite_app", "")
    assert rows("SELECT pg_backend_pid()") == before


def read(scope: AccessScope, statement: str, **parameters: object) -> list[tuple[object, ...]]:
    (found,) = read_in_one_trip(scope, [Reading(statement, parameters, {"hnsw.ef_search": "77"})])
    return found


def of_a_request() -> AccessScope:
    """A scope with one document to read, outside of any transaction, as a request finds it."""
    return make.scope(make.ready_version().document.knowledge_base)


@pytest.mark.django_db(transaction=True)
def test_in_one_trip_the_reader_reads_with_the_settings_and_nothing_of_it_is_left() -> None:
    scope = of_a_request()
    other = make.ready_version().document
    told = "SELECT current_user::text AS who, current_setting('hnsw.ef_search') AS held, id FROM documents_document"
    (mine,) = read(scope, told)
    assert mine[:2] == ("ragsite_reader", "77")
    assert mine[2] != other.pk
    assert state() == ("ragsite_app", "")
    assert rows("SELECT coalesce(current_setting('hnsw.ef_search', true), '')") != [("77",)]
    assert rows("SELECT count(*) FROM documents_document") == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_an_error_in_one_trip_is_raised_and_leaves_nothing_either() -> None:
    scope = of_a_request()
    with pytest.raises(DataError, match="division by zero"):
        read(scope, "SELECT 1 / %(none)s::integer AS share FROM documents_document", none=0)
    with pytest.raises(ProgrammingError, match="permission denied"):
        read(scope, "SELECT id FROM gateway_tenant")
    assert state() == ("ragsite_app", "")
    assert read(scope, "SELECT 1 AS one") == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_rows_that_were_not_read_as_the_reader_are_not_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    scope = of_a_request()
    monkeypatch.setattr(access, "_become_reader", lambda scope: "SELECT 1 AS nobody")
    with pytest.raises(RuntimeError, match="ragsite_app"):
        read(scope, "SELECT id FROM documents_document")
    assert state() == ("ragsite_app", "")


@pytest.mark.django_db(transaction=True)
def test_a_statement_read_in_one_trip_is_planned_once_a_connection() -> None:
    scope = of_a_request()
    for _ in range(8):
        read(scope, "SELECT id FROM documents_document WHERE title <> %(not_this)s", not_this="")
    plans = "SELECT generic_plans > 0, custom_plans <= 5 FROM pg_prepared_statements WHERE statement ~ 'title <>'"
    assert rows(plans) == [(True, True)]
    with reading_as(scope):
        assert Document.objects.count() == 1
    assert rows(plans) == [(True, True)], "reading in a block of its own does not undo that"


def test_within_a_block_one_trip_is_a_part_of_it(scope: AccessScope) -> None:
    other = make.scope(make.knowledge_base())
    with reading_as(scope):
        assert read(scope, "SELECT count(*) AS seen FROM documents_document") == [(1,)]
        assert read(other, "SELECT count(*) AS seen FROM documents_document") == [(0,)]
        assert state() == ("ragsite_reader", str(scope.tenant_id))
    assert state() == ("ragsite_app", "")
