"""The only way in for SQL that reads on somebody's behalf: as the role that row-level security binds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connection, transaction

from apps.documents.access import AccessScope
from ragsite.core.row_security import READER

_reading: ContextVar[AccessScope | None] = ContextVar("reading", default=None)


@contextmanager
def reading_as(scope: AccessScope) -> Iterator[None]:
    """Read within the block only what the scope's subjects may, whatever the SQL asks for. Nothing can be written in it.

    Role and settings are local to a transaction that is always rolled back, or, inside another one, to a savepoint that is.
    So neither they nor other `SET LOCAL` of the block outlive it, and a pooled connection takes nothing to the next
    request. A block within one of the same scope is a part of it, and costs no statement.
    """
    if _reading.get() == scope:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            readable = _OF_ALL_READERS if scope.for_all_readers else _OF_SUBJECTS
            cursor.execute(_BECOME_READER.format(readable=readable), _identity(scope))
        outer = _reading.set(scope)
        try:
            yield
        finally:
            _reading.reset(outer)
        transaction.set_rollback(True)


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
           set_config('role', %(role)s, true)
"""
