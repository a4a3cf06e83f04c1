"""A span for each statement that is part of a trace: what it does to which table, never what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ragsite.core.tracing.spans import SpanKind, part

_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|COPY|JOIN)\s+(?:ONLY\s+)?\"?([a-z_][a-z0-9_]*)\"?", re.IGNORECASE)
LONGEST = 2_000
"""Characters of a statement in which its table is looked for."""


def statements_trace() -> None:
    """From now on, on every connection that this process opens."""
    connection_created.connect(_watch, dispatch_uid="ragsite.core.tracing.database")


def statement_summary(statement: str) -> str:
    """`SELECT documents_chunk`, of any statement of one."""
    verb, table = _VERB.match(statement), _TABLE.search(statement[:LONGEST])
    return " ".join([verb.group(1).upper() if verb else "SQL", *([table.group(1)] if table else [])])


def _watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """A connection of the pool comes to the same wrapper again and again."""
    if _statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement)


def _statement(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    summary = statement_summary(sql) if isinstance(sql, str) else "SQL"
    with part(
        summary, SpanKind.CLIENT, db__system__name="postgresql", db__operation__name=summary.partition(" ")[0],
        db__query__summary=summary,
    ):  # fmt: skip
        return execute(sql, params, many, context)
