"""What PostgreSQL's planner knows of tables, for tests that count what its plans read.

Rows of a test are never committed, so that autovacuum counts tables without them, when it happens to come.
"""

from __future__ import annotations

import os

import psycopg
from django.db import connection

TABLES = ("documents_knowledgebase", "documents_document", "documents_documentversion", "documents_chunk")


def from_outside(statement: str) -> None:
    """Run on each table by a session of the owner that does not see the rows of this test."""
    with psycopg.connect(
        os.environ["DATABASE_OWNER_URL"], dbname=connection.settings_dict["NAME"], autocommit=True
    ) as owner:
        for table in TABLES:
            owner.execute(statement.format(table=table))


def rows_counted() -> None:
    """Let the planner know of the rows of this test, as of those of others some time after they came.

    Autovacuum passes over the tables from now on until the test ends.
    """
    refused: list[str | None] = []

    def told(notice: psycopg.errors.Diagnostic) -> None:
        refused.append(notice.message_primary)

    connection.ensure_connection()
    connection.connection.add_notice_handler(told)
    from_outside("GRANT MAINTAIN ON {table} TO ragsite_app")
    try:
        with connection.cursor() as cursor:
            # A session learns what was granted when it comes by a table that it does not hold yet.
            cursor.execute("SELECT FROM pg_class LIMIT 1")
            cursor.execute(f"ANALYZE {', '.join(TABLES)}")
    finally:
        from_outside("REVOKE MAINTAIN ON {table} FROM ragsite_app")
        connection.connection.remove_notice_handler(told)
    assert not refused, refused
