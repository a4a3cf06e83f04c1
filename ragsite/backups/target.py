"""The database that a backup is restored into: empty before, and all of it in one transaction."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from ragsite import VERSION
from ragsite.backups.manifest import Manifest
from ragsite.backups.programs import owners_address, owners_connection, program_found, run
from ragsite.backups.snapshots import LEFT_OUT, rows_counted
from ragsite.core.errors import ConfigurationError, ConflictError, PermanentError, ServiceUnavailableError
from ragsite.core.row_security import READER_ATTRIBUTES
from ragsite.stack.local import PROJECT_DIR, owner_url
from ragsite.stack.processes import telling_line

MARK = "ragsite_restore"
"""A schema that is there while a restore is under way, so that an interrupted one is known and goes on."""


@dataclass(frozen=True, slots=True)
class TargetDatabase:
    """The owner's connection to it."""

    connection: psycopg.Connection[Any]

    def check(self, manifest: Manifest) -> None:
        """Whether the backup can be restored into it.

        Raises:
            ConflictError: it is not empty, and not what an interrupted restore of this backup has left.
            PermanentError: it, or the backup, is of another version than can be.
            ConfigurationError: roles are missing; with the statements for an administrator.
        """
        server = self.connection.info.server_version // 10_000
        if server < manifest.server_version:
            raise PermanentError(
                f"The backup is of PostgreSQL {manifest.server_version}, and the server here is {server}.",
                action=f"Restore it into a server of version {manifest.server_version} or later.",
            )
        program_found("pg_restore", server=server)
        self._check_roles(manifest)
        if not self.is_empty and self.begun_for() != manifest.id:
            raise ConflictError(
                f"The database {self.connection.info.dbname} is not empty.",
                action="Restore into an empty one: nothing that is there is overwritten.",
            )

    @property
    def is_empty(self) -> bool:
        return self.connection.execute(_ANYTHING).fetchone() is None

    def begun_for(self) -> str | None:
        """The backup of a restore that did not come to its end."""
        there = self.connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{MARK}.under_way"]).fetchone()
        if there is None or not there[0]:
            return None
        found = self.connection.execute(f"SELECT backup FROM {MARK}.under_way").fetchone()  # noqa: S608 - a constant
        return str(found[0]) if found else None

    def begin(self, manifest: Manifest) -> None:
        """Mark that a restore is under way."""
        with self.connection.transaction():
            self.connection.execute(f"DROP SCHEMA IF EXISTS {MARK} CASCADE")
            self.connection.execute(f"CREATE SCHEMA {MARK}")
            self.connection.execute(f"CREATE TABLE {MARK}.under_way (backup text NOT NULL)")
            self.connection.execute(f"INSERT INTO {MARK}.under_way VALUES (%s)", [manifest.id])  # noqa: S608

    def fill(self, dump: Path) -> None:
        """Restore the dump, all of it or nothing. Rights and policies come with it; the owner is who logs in."""
        program = program_found("pg_restore", server=self.connection.info.server_version // 10_000)
        words = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-comments", "--no-password")
        with self._without_default_rights():
            run(program, *words, f"--dbname={self.connection.info.dbname}", str(dump), url=owners_address())
        self.connection.execute("ANALYZE")

    def rows_that_differ(self, manifest: Manifest) -> dict[str, tuple[int, int]]:
        """Tables with another number of rows than were counted: what was, and what is."""
        counted = rows_counted(self.connection, [table for table in manifest.rows if table not in LEFT_OUT])
        return {
            table: (manifest.rows[table], count) for table, count in counted.items() if count != manifest.rows[table]
        }

    def end(self) -> None:
        """Take the mark away."""
        self.connection.execute(f"DROP SCHEMA IF EXISTS {MARK} CASCADE")

    @contextmanager
    def _without_default_rights(self) -> Iterator[None]:
        """A dump says which rights to grant on a table, and takes none away that the server gives to each new one. With those the
        application could change the audit log after a restore.
        """
        rights = self.connection.execute(_DEFAULT_RIGHTS).fetchall()
        for right in rights:
            self.connection.execute(_default_right("REVOKE", "FROM", *right))
        try:
            yield
        finally:
            for right in rights:
                self.connection.execute(_default_right("GRANT", "TO", *right))

    def _check_roles(self, manifest: Manifest) -> None:
        there = {name for (name,) in self.connection.execute("SELECT rolname FROM pg_roles")}
        missing = [name for name in manifest.roles if name not in there]
        if missing:
            statements = [sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)).as_string(None) for name in missing]
            raise ConfigurationError(
                f"The server has no role {', '.join(missing)}, which the backup names.",
                action="As an administrator of the server run deploy/postgres/init.sh, or "
                + " ".join(f"{statement} {READER_ATTRIBUTES};" for statement in statements),
            )


@contextmanager
def target_database() -> Iterator[TargetDatabase]:
    """The database that the environment names."""
    with owners_connection(name="ragsite restore") as connection:
        yield TargetDatabase(connection)


def migrations_lacking(manifest: Manifest) -> list[str]:
    """Migrations that this version has and the backup lacks, by app and name.

    Raises:
        PermanentError: the backup has migrations that this version does not know.
    """
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations) | {one for of in loader.replacements.values() for one in of.replaces}
    applied = {(app, name) for app, names in manifest.migrations.items() for name in names}
    if unknown := sorted(applied - known):
        app, name = unknown[-1]
        raise PermanentError(
            f"The backup is of a newer version ({manifest.version}; this is {VERSION}): it has the migration {app}.{name}.",
            action=f"Restore it with version {manifest.version} or a later one.",
        )
    return sorted(f"{app}.{name}" for app, name in set(loader.graph.nodes) - applied)


def migrate() -> None:
    """Bring the tables to this version, in a process that logs in as their owner.

    Raises:
        ServiceUnavailableError: a migration failed; its last words.
    """
    environ = {**os.environ, "DATABASE_URL": owner_url()}
    command = [sys.executable, str(PROJECT_DIR / "manage.py"), "migrate", "--no-input", "--verbosity", "0"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceUnavailableError(
            f"The restored database could not be migrated: {telling_line(done.stderr)}",
            action="Run `manage.py migrate`.",
        )


def _default_right(
    verb: LiteralString, to: LiteralString, kind: str, schema: str | None, role: str, right: str
) -> sql.Composed:
    within = sql.SQL(" IN SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL("")
    words = sql.SQL(f"ALTER DEFAULT PRIVILEGES{{}} {verb} {{}} ON {{}} {to} {{}}")
    return words.format(within, sql.SQL(RIGHTS[right]), sql.SQL(OBJECTS[kind]), sql.Identifier(role))


OBJECTS: dict[str, LiteralString] = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}
RIGHTS: dict[str, LiteralString] = {
    right: right for right in (
        "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN", "USAGE", "EXECUTE", "CREATE",
    )
}  # fmt: skip
_DEFAULT_RIGHTS: LiteralString = """
    SELECT d.defaclobjtype::text, n.nspname, r.rolname, a.privilege_type
    FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) a JOIN pg_roles r ON r.oid = a.grantee
    WHERE d.defaclrole = current_user::regrole AND a.grantee <> d.defaclrole
"""
_ANYTHING: LiteralString = """
    SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LIMIT 1
"""
