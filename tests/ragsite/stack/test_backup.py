"""The lines of the manual that make a backup and restore it, on the embedded server."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.stack import Stack

pytestmark = [pytest.mark.servers, pytest.mark.django_db]

RESTORED = "restored_base"
SHOWS = """
    SELECT (SELECT count(*) FROM django_migrations), (SELECT count(*) FROM pg_policies),
           (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public'),
           has_table_privilege('ragsite_app', 'documents_document', 'INSERT'),
           has_table_privilege('ragsite_app', 'documents_document', 'TRUNCATE'),
           has_table_privilege('ragsite_app', 'core_auditentry', 'UPDATE'),
           (SELECT array_agg(defaclacl::text ORDER BY defaclacl::text) FROM pg_default_acl)
"""


def documented(program: str) -> str:
    """The line of the manual that calls a program."""
    manual = (PROJECT_DIR / "docs" / "backup.md").read_text()
    (line,) = re.findall(rf"^    ({program} .*)$", manual, re.MULTILINE)
    return str(line)


def test_a_dump_by_the_manual_is_restored_by_the_manual(tmp_path: Path) -> None:
    postgres = Stack(Path(os.environ["RAGSITE_DATA_DIR"]) / "stack", {}).postgres
    name = urlsplit(os.environ["DATABASE_OWNER_URL"]).path.strip("/")
    made, restored = postgres.urls(name).owner, postgres.urls(RESTORED).owner
    path = f"{postgres.programs}{os.pathsep}{os.environ['PATH']}"
    with psycopg.connect(made, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(RESTORED)))
        try:
            for program, url in (("pg_dump", made), ("psql", restored), ("pg_restore", restored)):
                done = subprocess.run(
                    ["bash", "-c", documented(program)],
                    cwd=tmp_path, env={"PATH": path, "DATABASE_OWNER_URL": url}, capture_output=True, text=True,
                )  # fmt: skip
                assert (done.returncode, done.stderr) == (0, "")
            with psycopg.connect(restored) as connection:
                assert connection.execute(SHOWS).fetchone() == owner.execute(SHOWS).fetchone()
        finally:
            owner.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(RESTORED)))
