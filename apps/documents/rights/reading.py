"""The only way in for SQL that reads on somebody's behalf: as the role that row-level security binds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection, transaction

from apps.documents.rights.access import AccessScope
from ragsite.core.database import one_trip, prepared, rows_prepared
from ragsite.core.row_security import READER

_reading: ContextVar[AccessScope | None] = ContextVar("reading", default=None)


@contextmanager
def reading_as(scope: AccessScope) -> Iterator[None]:
    """Read within the block only what the scope's subjects may, whatever the SQL asks for. Nothing can be written in it.

    Role and settings are local to a transaction of the block's own, or, inside another one, to a savepoint that is rolled
    back. So neither they nor other `SET LOCAL` of the block outlive it, and a pooled connection takes nothing to the next
    request. A block within one of the same scope is a part of it, and costs no statement.
    """
    if _reading.get() == scope:
        yield
        return
    inside_another = connection.in_atomic_block
    with transaction.atomic():
        rows_prepared(_become_reader(scope), _identity(scope))
        outer = _reading.set(scope)
        try:
            yield
        finally:
            _reading.reset(outer)
        # The reader has nothing to commit, and after a rollback psycopg would have every statement prepared anew.
        transaction.set_rollback(inside_another)


def read_in_one_trip(
    scope: AccessScope, statement: str, parameters: Mapping[str, Any], *, settings: Mapping[str, str]
) -> list[tuple[Any, ...]]:
    """The rows of one statement, read as in a block of `reading_as` of its own or in the one around it.

    Becoming the reader, the `settings` of the server, which are for this statement and what follows in the block, and the
    statement are sent at once. It is kept prepared, with what that asks of it: see `rows_prepared`.
    """
    by_whom = f"SELECT current_user, found.* FROM ({statement}) found"  # noqa: S608 - the callers' own words
    if not connection.get_autocommit():
        with reading_as(scope), one_trip():
            settings_local(settings)
            return _of_reader(prepared(by_whom, parameters).fetchall())
    with one_trip():
        prepared(f"{_become_reader(scope)}, {_set(settings)}", {**_identity(scope), **settings})
        return _of_reader(prepared(by_whom, parameters).fetchall())


def _of_reader(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows without who read them, which must have been the reader: nothing but the trip holds the two statements together."""
    others = {who for who, *_ in rows} - {READER}
    if others:
        raise RuntimeError(f"Rows were read as {', '.join(others)} and not as {READER}, so they are not given out.")
    return [row[1:] for row in rows]


def settings_local(settings: Mapping[str, str]) -> None:
    """The server's settings, by name, until the block of reading ends."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_set(settings)}", settings)


def _become_reader(scope: AccessScope) -> str:
    return _BECOME_READER.format(readable=_OF_ALL_READERS if scope.for_all_readers else _OF_SUBJECTS)


def _set(settings: Mapping[str, str]) -> str:
    return ", ".join(f"set_config('{name}', %({name})s, true)" for name in settings)


def _identity(scope: AccessScope) -> dict[str, Any]:
    subjects = scope.subjects
    return {
        "role": READER,
        "tenant": scope.tenant_id,
        "knowledge_bases": sorted(scope.knowledge_base_ids),
        "user": subjects.user_id,
        "groups": sorted(subjects.group_ids),
        "api_key": subjects.api_key_id,
    }


# What may be read is asked of the database and not of the scope, so that one wall's mistake is not the other's.
_OF_SUBJECTS = "ragsite_knowledge_bases(%(tenant)s::uuid, %(user)s::integer, %(groups)s::integer[], %(api_key)s::uuid)"
_OF_ALL_READERS = """(
    SELECT array_agg(id) FROM documents_knowledgebase
    WHERE id = ANY(%(knowledge_bases)s::uuid[]) AND tenant_id = %(tenant)s::uuid AND deleted_at IS NULL
)"""
_BECOME_READER = """
    SELECT set_config('ragsite.tenant', %(tenant)s::text, true),
           set_config('ragsite.user', coalesce(%(user)s::text, ''), true),
           set_config('ragsite.groups', (%(groups)s::integer[])::text, true),
           set_config('ragsite.api_key', coalesce(%(api_key)s::text, ''), true),
           set_config('ragsite.knowledge_bases', coalesce({readable}, '{{}}')::text, true),
           set_config('role', %(role)s, true)"""
