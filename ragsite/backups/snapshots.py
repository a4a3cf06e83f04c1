"""One moment of the database, held for as long as it takes to write down: what pg_dump writes, and what is read beside it, agree.

Every table is locked as for reading, as pg_dump does it, before the moment is chosen: none can be dropped meanwhile. Searches,
uploads and new partitions go on; dropping a partition waits (docs/adr/0026-partitions-beside-readers.md).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from django.db import connection
from psycopg import sql

from ragsite.backups.manifest import StoredFile
from ragsite.backups.programs import output_of, owners_address, owners_connection, program_found
from ragsite.core.backing_up import LOCK
from ragsite.core.database import SessionLock
from ragsite.core.errors import ConfigurationError, ConflictError, ServiceUnavailableError

LEFT_OUT = ("documents_pagepicture",)
"""Tables of which no row is kept: pictures of pages are drawn again when somebody looks."""

LOCK_SECONDS = 30
TRIES = 5


@contextmanager
def backups_locked() -> Iterator[Callable[[], None]]:
    """Nobody else makes or removes a backup while the block runs, and no blob that is named at its beginning goes. What is given
    looks whether that is still so.

    Raises:
        ConflictError: somebody else does.
        ServiceUnavailableError: (from what is given) the lock was lost with its connection.
    """
    connection.ensure_connection()
    lock = SessionLock(LOCK)

    def check() -> None:
        try:
            lock.held()
        except psycopg.Error as error:
            raise ServiceUnavailableError(
                "The database was lost while the backup was made.", action="Run it again: what was copied is there."
            ) from error

    try:
        if not lock.held():
            raise ConflictError(
                "Another backup of this database is being made, or removed, or something is exported or imported.",
                action="Wait until it has ended.",
            )
        yield check
    finally:
        lock.release()


@dataclass(frozen=True, slots=True)
class Facts:
    """The server's major version; migrations by their app; roles beside the owner that have rights, or that policies name; and
    how many rows each table has, partitions with the table that they are of.
    """

    server_version: int
    migrations: dict[str, list[str]]
    roles: list[str]
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The moment, by the connection that holds it and the name by which others see it."""

    connection: psycopg.Connection[Any]
    name: str

    @property
    def server_version(self) -> int:
        """The major one."""
        return self.connection.info.server_version // 10_000

    def dump(self) -> Iterator[bytes]:
        """All of the database, as `pg_restore` reads it."""
        program = program_found("pg_dump", server=self.server_version)
        leaving_out = [f"--exclude-table-data=public.{table}" for table in LEFT_OUT]
        words = ("--format=custom", "--no-comments", "--no-password", f"--snapshot={self.name}", *leaving_out)
        return output_of(program, *words, url=owners_address())

    def facts(self) -> Facts:
        """What the manifest says of the database."""
        rows = rows_counted(self.connection, self._column(_ROOTS))
        return Facts(self.server_version, migrations_applied(self.connection), self._column(_ROLES), rows)

    def blobs(self) -> Iterator[StoredFile]:
        """What versions name, in the order of names."""
        with self.connection.cursor() as cursor:
            for name, digest, size in cursor.stream(BLOBS_NAMED):
                yield StoredFile(name, size, digest)

    def model_versions(self) -> list[tuple[str, str, list[dict[str, Any]]]]:
        """Source, path and files of each version whose files are on this installation's disks."""
        return self.connection.execute(_MODELS).fetchall()

    def disk_bytes(self) -> int:
        """What the database takes on its disk."""
        (size,) = self.connection.execute("SELECT pg_database_size(current_database())").fetchone() or (0,)
        return int(size)

    def _column(self, statement: LiteralString) -> list[str]:
        return [one for (one,) in self.connection.execute(statement)]


@contextmanager
def snapshot_taken() -> Iterator[Snapshot]:
    """A snapshot for the length of the block.

    Raises:
        ConfigurationError: the login does not own the tables, so that it may not see all rows.
        ServiceUnavailableError: somebody holds a table for himself, such as a migration.
    """
    with owners_connection(name="ragsite backup") as owner:
        _check_owner(owner)
        _begin(owner)
        try:
            (name,) = owner.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            yield Snapshot(owner, name)
        finally:
            if not owner.closed:
                owner.execute("ROLLBACK")


def migrations_applied(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Their names, by their app."""
    found: dict[str, list[str]] = {}
    for app, name in connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name"):
        found.setdefault(app, []).append(name)
    return found


def rows_counted(connection: psycopg.Connection[Any], tables: Collection[str]) -> dict[str, int]:
    """The number of rows of each of the tables whose rows are kept."""
    counted = {}
    for table in tables:
        if table not in LEFT_OUT:
            count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            (counted[table],) = connection.execute(count).fetchone() or (0,)
    return counted


def _begin(connection: psycopg.Connection[Any]) -> None:
    """Begin the transaction, with every table that it sees locked."""
    for _ in range(TRIES):
        locked = {one for (one,) in connection.execute(_TABLES)}
        if not locked:
            raise ConflictError("The database has no tables yet.", action="Run `manage.py migrate` first.")
        try:
            connection.execute(_BEGIN)
            _lock(connection, locked)
            # This statement chooses the moment. What was made since the list is locked now, or gone again.
            made = {one for (one,) in connection.execute(_TABLES)} - locked
            _lock(connection, made)
        except psycopg.errors.UndefinedTable:
            connection.execute("ROLLBACK")
        except psycopg.errors.LockNotAvailable as error:
            raise ServiceUnavailableError(
                f"A table was not to be had within {LOCK_SECONDS} s.",
                action="Run the backup again once no migration runs.",
            ) from error
        else:
            return
    raise ServiceUnavailableError("Tables come and go too fast.", action="Run the backup again.")


def _lock(connection: psycopg.Connection[Any], tables: Collection[str]) -> None:
    if tables:
        names = sql.SQL(", ").join(map(sql.Identifier, sorted(tables)))
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))


def _check_owner(connection: psycopg.Connection[Any]) -> None:
    if (found := connection.execute(_NOT_OWNED).fetchone()) is not None:
        raise ConfigurationError(
            f"The role {connection.info.user} does not own the table {found[0]}, and so does not see all of it.",
            action="Set DATABASE_OWNER_URL to the address as the role that owns the schema.",
        )


# What a request or a pool may not take, a backup takes: it reads for as long as it lasts.
_BEGIN = f"""
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL lock_timeout = '{LOCK_SECONDS}s';
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL transaction_timeout = 0
"""
_OURS = """
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES: LiteralString = f"SELECT c.relname {_OURS}"
_ROOTS: LiteralString = f"SELECT c.relname {_OURS} AND NOT c.relispartition ORDER BY 1"
_NOT_OWNED: LiteralString = f"SELECT c.relname {_OURS} AND NOT pg_has_role(c.relowner, 'USAGE') LIMIT 1"
_ROLES: LiteralString = """
    SELECT r.rolname FROM pg_roles r
    WHERE r.oid IN (
        SELECT a.grantee FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
        WHERE c.relnamespace = 'public'::regnamespace AND a.grantee <> c.relowner
        UNION SELECT unnest(p.polroles) FROM pg_policy p)
    ORDER BY 1
"""
BLOBS_NAMED: LiteralString = """
    SELECT DISTINCT ON (blob COLLATE "C") blob, content_hash, size FROM documents_documentversion ORDER BY blob COLLATE "C"
"""
_MODELS: LiteralString = """
    SELECT source, path, files FROM model_registry_modelversion
    WHERE server_model = '' AND NOT path = '' AND status IN ('ready', 'active', 'retired') ORDER BY id
"""
