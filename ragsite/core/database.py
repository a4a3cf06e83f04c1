"""The database connection as a thing to give back, and connections of one's own for what outlives a request, and
many new rows in one statement.

The rows go as one JSON document, which PostgreSQL takes apart. `bulk_create` makes an expression of each value, as soon as a
column has a default of the database, or is an array or JSON itself; COPY is not allowed on a table with row-level security.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.backends.utils import debug_transaction  # type: ignore[attr-defined]  # the stubs lack it
from psycopg.adapt import Dumper
from psycopg.pq import Format


def connection_release() -> None:
    """Give this thread's connection back before model, parser or network work; the next query takes one again.

    Where there is no pool to give it back to, in workers, it stays open, as it does from task to task; that it still stands
    is looked at before its next use. Inside a transaction nothing happens: there it is needed, and no such work belongs.
    """
    if connection.in_atomic_block:
        return
    if connection.settings_dict["CONN_MAX_AGE"]:
        connection.health_check_done = False  # type: ignore[attr-defined]  # the stubs lack it
    else:
        connection.close()


def rows_in_binary(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query, sent in PostgreSQL's binary format: half the bytes where columns are `bytea`.

    Placeholders are `%(name)s`. Arrays need their type written after them.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        return cursor.execute(statement, parameters, binary=True, prepare=False).fetchall()


@dataclass(frozen=True, slots=True)
class BinaryValue:
    """A parameter in PostgreSQL's binary format of a type that psycopg does not know; the statement casts it to the type.

    For `rows_prepared` and its like only: what Django's cursors send is text.
    """

    data: bytes


class _BinaryDumper(Dumper):
    format = Format.BINARY

    def dump(self, value: BinaryValue) -> bytes:
        return value.data


def adapters_register() -> None:
    """Let connections made from now on take a `BinaryValue`."""
    psycopg.adapters.register_dumper(BinaryValue, _BinaryDumper)


def rows_prepared(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a query that the server keeps prepared for this connection: it is planned at first and not each time.

    For statements that come again and again in the same words, and whose plan does not depend on the parameters' values.
    Placeholders are as for `rows_in_binary`. A rollback of a whole transaction makes psycopg forget what is prepared.
    """
    with connection.wrap_database_errors:
        return prepared(statement, parameters).fetchall()


def prepared(statement: str, parameters: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    """As `rows_prepared`, and the rows may be fetched later. For use within `one_trip`, which sees to the errors."""
    connection.ensure_connection()
    # So Django's log learns of a statement that no cursor of its own has sent.
    with debug_transaction(connection, statement):
        return psycopg.Cursor(connection.connection).execute(statement, parameters, prepare=True)


@contextmanager
def one_trip() -> Iterator[None]:
    """Within the block no statement waits for the answers to those before it, until the first rows are fetched.

    So an error is raised where rows are fetched, or at the end of the block. Outside of a transaction, what is sent up to
    there is one.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@contextmanager
def connections_pooled(*, size: int, options: str = "") -> Iterator[None]:
    """Within the block up to `size` connections are kept open when they are given back, as in the web process.

    For commands that give theirs back many times a second. `options` are the server's, such as `-c name=value`. In a
    transaction, and where there is a pool already, nothing changes.
    """
    settings = connection.settings_dict
    given, kept = settings["OPTIONS"], settings["CONN_MAX_AGE"]
    if connection.in_atomic_block or "pool" in given:
        yield
        return
    connection.close()
    pool = {"min_size": 1, "max_size": size}
    settings["OPTIONS"] = {**given, "options": f"{given.get('options', '')} {options}".strip(), "pool": pool}
    # Django takes a pool only without connections that last.
    settings["CONN_MAX_AGE"] = 0
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL has it
        settings["OPTIONS"], settings["CONN_MAX_AGE"] = given, kept


def connection_of_own(*, alias: str = DEFAULT_DB_ALIAS, **options: Any) -> psycopg.Connection[Any]:
    """A connection outside Django's, in autocommit, for session locks, LISTEN and looking on. The caller closes it.

    `options` are psycopg's, and come before those of the settings.
    """
    parameters = connections[alias].get_connection_params() | options
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return psycopg.connect(**parameters, autocommit=True)


class SessionLock:
    """An advisory lock that one session of the database holds until it lets go or dies."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._connection: psycopg.Connection[Any] | None = None

    def held(self) -> bool:
        """Take the lock, or make sure that it is still held; False when another session has it.

        Raises:
            psycopg.Error: the database does not answer; the lock is lost.
        """
        try:
            if self._connection is not None:
                self._connection.execute("SELECT 1")
                return True
            return self._take()
        except psycopg.Error:
            self.release()
            raise

    def release(self) -> None:
        """Let go of the lock and of its connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _take(self) -> bool:
        session = connection_of_own()
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [self.number]).fetchone()
        if row is None or not row[0]:
            session.close()
            return False
        self._connection = session
        return True


@dataclass(frozen=True, slots=True)
class _Insertion:
    """The statement for a model, the attributes that go with it, and those that come back."""

    statement: str
    sent: tuple[str, ...]
    chosen: tuple[str, ...]


def rows_insert(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model, in their order; what the database chooses is set on them.

    It chooses generated keys and, whatever stands in the rows, what has a default in the database alone.

    Raises:
        IntegrityError, DataError: one of them is not possible; none is written.
    """
    if not rows:
        return
    insertion = _insertion(type(rows[0]))
    document = [{name: getattr(row, name) for name in insertion.sent} for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(insertion.statement, [json.dumps(document, default=_text)])
        found = cursor.fetchall()
    for row, values in zip(rows, found, strict=True):
        row._state.adding, row._state.db = False, connection.alias
        for name, value in zip(insertion.chosen, values, strict=True):
            setattr(row, name, value)


@functools.cache
def _insertion(model: type[models.Model]) -> _Insertion:
    fields = model._meta.concrete_fields
    chosen = [field for field in fields if _is_chosen_by_database(field)]
    sent = [field for field in fields if field not in chosen]
    columns, given = _names(field.column for field in sent), _names(field.attname for field in sent)
    types = ", ".join(f'"{field.attname}" {field.db_type(connection)}' for field in sent)
    statement = f"""
        INSERT INTO "{model._meta.db_table}" ({columns})
        SELECT {given}
        FROM ROWS FROM (json_to_recordset(%s::json) AS ({types})) WITH ORDINALITY AS given ({given}, position)
        ORDER BY position
        RETURNING {_names(field.column for field in chosen)}
    """  # noqa: S608 - the names are those of the model's own columns
    return _Insertion(statement, tuple(field.attname for field in sent), tuple(field.attname for field in chosen))


def _is_chosen_by_database(field: Any) -> bool:
    return isinstance(field, models.AutoField) or (field.has_db_default() and not field.has_default())


def _text(value: object) -> str:
    """What JSON has no word for. Django's own encoder would cut a time's microseconds."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{value!r} can't be inserted by rows_insert; use bulk_create.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
