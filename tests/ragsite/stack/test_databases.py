from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors, sql

from ragsite.stack.databases import APPLICATION, OWNER, DatabaseUrls
from ragsite.stack.stack import Stack

pytestmark = pytest.mark.servers


@pytest.fixture
def database(stack: Stack) -> Iterator[DatabaseUrls]:
    """A database that the owner makes, as a test run makes its own."""
    as_owner(stack, "CREATE DATABASE another_base")
    yield stack.postgres.urls("another_base")
    as_owner(stack, "DROP DATABASE another_base")


def as_owner(stack: Stack, statement: LiteralString) -> None:
    with psycopg.connect(stack.postgres.urls("ragsite").owner, autocommit=True) as owner:
        owner.execute(statement)


@pytest.mark.parametrize(
    ("role", "may_create_databases"), [(APPLICATION, False), (OWNER, True)], ids=["application", "owner"]
)
def test_a_role_has_no_power_over_the_server(stack: Stack, role: str, may_create_databases: bool) -> None:
    with psycopg.connect(stack.postgres.urls("ragsite").application) as connection:
        attributes = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcreatedb"
            " FROM pg_roles WHERE rolname = %s",
            (role,),
        ).fetchone()
    assert attributes == (False, False, False, False, may_create_databases)


def test_the_application_can_not_make_tables(database: DatabaseUrls) -> None:
    with psycopg.connect(database.application) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE intruder (id int)")


def test_the_application_reads_and_writes_the_owners_tables_but_can_not_change_them(database: DatabaseUrls) -> None:
    with psycopg.connect(database.owner) as owner:
        owner.execute("CREATE TABLE note (id bigserial PRIMARY KEY, text text)")
    with psycopg.connect(database.application) as application:
        application.execute("INSERT INTO note (text) VALUES ('a'), ('b')")
        application.execute("UPDATE note SET text = 'c' WHERE id = 2")
        application.execute("DELETE FROM note WHERE id = 1")
        assert application.execute("SELECT id, text FROM note").fetchall() == [(2, "c")]
    for statement in ("TRUNCATE note", "ALTER TABLE note ADD more int", "DROP TABLE note"):
        with psycopg.connect(database.application) as application, pytest.raises(errors.InsufficientPrivilege):
            application.execute(statement)


def test_row_level_security_binds_the_application(database: DatabaseUrls) -> None:
    with psycopg.connect(database.owner) as owner:
        owner.execute("CREATE TABLE secret AS SELECT 1 AS id")
        owner.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
    with psycopg.connect(database.application) as application:
        assert application.execute("SELECT count(*) FROM secret").fetchone() == (0,)


def test_a_further_database_has_pgvector_and_belongs_to_the_owner_role(database: DatabaseUrls) -> None:
    with psycopg.connect(database.application) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'vector'), pg_get_userbyid(datdba)"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert found == (1, OWNER)


def test_a_database_that_the_owner_makes_itself_holds_vectors(database: DatabaseUrls) -> None:
    with psycopg.connect(database.owner) as owner:
        owner.execute("CREATE TABLE point (place vector(2)); INSERT INTO point VALUES ('[1, 2]')")
    with psycopg.connect(database.application) as application:
        assert application.execute("SELECT place::text FROM point").fetchone() == ("[1,2]",)


@pytest.mark.parametrize("role", [APPLICATION, OWNER, "postgres"])
def test_nobody_logs_in_without_the_password(stack: Stack, role: str) -> None:
    port = urlsplit(stack.postgres.urls("ragsite").application).port
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=port, user=role, password=password, dbname="postgres")


def test_no_login_is_trusted_and_there_is_no_socket_file(stack: Stack) -> None:
    rules = (stack.postgres.data / "pg_hba.conf").read_text().splitlines()
    assert [rule for rule in rules if not rule.startswith("#")] == ["host all all 127.0.0.1/32 scram-sha-256"]
    assert not list(stack.postgres.data.glob(".s.PGSQL*"))


def test_a_role_changed_by_hand_is_brought_back_at_the_next_up(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.urls("ragsite").application, autocommit=True) as application:
        application.execute(sql.SQL("ALTER ROLE {} PASSWORD 'guessable'").format(sql.Identifier(APPLICATION)))
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(stack.postgres.urls("ragsite").application)
    with psycopg.connect(stack.up()["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (APPLICATION,)
