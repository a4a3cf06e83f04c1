"""Rows of chunks that are known by id, as far as they meet a condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection

from apps.retrieval.search.filters import Condition
from ragsite.core.database import rows_prepared


def rows_meeting(statement: str, condition: Condition, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement that has a place for the `condition`, in a block of `reading_as`.

    By a scope alone the words are the same each time, and to plan them takes longer than to read the rows: so the plan is kept.
    Filters make a statement of their own each.
    """
    worded, given = statement.format(condition=condition.sql), {**condition.parameters, **parameters}
    if not condition.narrows:
        return rows_prepared(worded, given)
    with connection.cursor() as cursor:
        cursor.execute(worded, given)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
