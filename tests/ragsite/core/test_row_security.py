"""What the migration that first needs the reader does on a server that does not know it yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from ragsite.stack.postgres import PostgresServer
from ragsite.stack.records import read_record
from tests.servers import own_folder

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).resolve().parents[3]
MIGRATION = ("documents", "0006")
STATEMENTS = (
    "CREATE ROLE ragsite_reader NOLOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS; "
    "GRANT ragsite_reader TO ragsite_app WITH INHERIT FALSE, SET TRUE;"
)


def migrate(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "migrate", *MIGRATION, "--verbosity", "0"],
        cwd=PROJECT, env={**os.environ, "DATABASE_URL": url, "DATABASE_OWNER_URL": url},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def as_superuser(server: PostgresServer, statements: str) -> None:
    record, address = read_record(server.folder / "state.json"), urlsplit(server.urls("ragsite").application)
    with psycopg.connect(
        host=address.hostname, port=address.port, user="postgres",
        password=record.passwords["postgres"], dbname="ragsite", autocommit=True,
    ) as connection:  # fmt: skip
        connection.execute(statements)


@pytest.mark.parametrize("may_make_roles", [False, True])
def test_a_missing_reader_is_made_or_the_statements_that_make_it_are_shown(may_make_roles: bool) -> None:
    with own_folder() as folder:
        server = PostgresServer(folder=folder / "postgresql", environ={})
        server.start()
        try:
            as_superuser(server, "DROP ROLE ragsite_reader")
            if may_make_roles:
                as_superuser(server, "ALTER ROLE ragsite_owner CREATEROLE")
            else:
                refused = migrate(server.urls("ragsite").owner)
                assert (refused.returncode, refused.stdout) == (2, "")
                assert refused.stderr.strip().endswith(STATEMENTS)
                assert refused.stderr.startswith("The role ragsite_reader is missing")
                as_superuser(server, STATEMENTS)
            done = migrate(server.urls("ragsite").owner)
            assert done.returncode == 0, done.stderr
            with psycopg.connect(server.urls("ragsite").application) as connection:
                connection.execute("SET LOCAL ROLE ragsite_reader")
                assert connection.execute("SELECT count(*) FROM documents_document").fetchone() == (0,)
        finally:
            server.stop()
