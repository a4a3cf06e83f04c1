"""What statements a part of a trace took: how many, and how long. One that took long, or failed, is a part of its own, told by
what it does to which table, never by what it says.

A span costs a fifth of a millisecond, which is as much as a statement by a key: a search has twenty of these.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ragsite.core.tracing.spans import SpanKind, is_traced, span_past, told_more

_VERB = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|COPY|JOIN)\s+(?:ONLY\s+)?\"?([a-z_][a-z0-9_]*)\"?", re.IGNORECASE)
LONGEST = 2_000
"""Characters of a statement in which its table is looked for."""

LONG_SECONDS = 0.005


def statements_trace() -> None:
    """From now on, on every connection that this process opens."""
    connection_created.connect(_watch, dispatch_uid="ragsite.core.tracing.database")


def statement_summary(statement: str) -> str:
    """`SELECT documents_chunk`, of any statement of one."""
    verb, table = _VERB.match(statement), _TABLE.search(statement[:LONGEST])
    return " ".join([verb.group(1).upper() if verb else "SQL", *([table.group(1)] if table else [])])


def _watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """A connection of the pool comes to the same wrapper again and again."""
    if statement_traced not in connection.execute_wrappers:
        connection.execute_wrappers.append(statement_traced)


def statement_traced(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Have it executed, as a wrapper of Django's does, and told where it is part of a trace."""
    if not is_traced():
        return execute(sql, params, many, context)
    begun, failed = time.time(), ""
    try:
        return execute(sql, params, many, context)
    except BaseException as error:
        failed = type(error).__name__
        raise
    finally:
        _tell(sql, (begun, time.time()), failed)


def _tell(sql: Any, times: tuple[float, float], failed: str) -> None:
    seconds = max(0.0, times[1] - times[0])
    told_more(ragsite__db__statements=1, ragsite__db__milliseconds=round(seconds * 1000, 2))
    if failed or seconds > LONG_SECONDS:
        summary = statement_summary(sql) if isinstance(sql, str) else "SQL"
        span_past(
            summary, SpanKind.CLIENT, times=times, failed=failed, db__system__name="postgresql",
            db__operation__name=summary.partition(" ")[0], db__query__summary=summary,
        )  # fmt: skip
