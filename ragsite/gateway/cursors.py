"""Places in a list: after which row a page goes on, by what the list is ordered by."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from ragsite.core.errors import PermanentError

CURSOR, FIRST = "cursor", "first"
LONGEST = 500


def ordered_wholly(rows: QuerySet[Any]) -> tuple[QuerySet[Any], tuple[str, ...]]:
    """The rows in their order, with their key at its end, so that no two have the same place."""
    named = rows.query.order_by or rows.model._meta.ordering or ()
    order = tuple(one for one in named if isinstance(one, str))
    if not {"pk", rows.model._meta.pk.name} & {one.lstrip("-") for one in order}:
        order = (*order, "-pk" if order and order[-1].startswith("-") else "pk")
    return rows.order_by(*order), order


def cursor_at(row: Any, order: Sequence[str]) -> str:
    """The place of a row."""
    told = json.dumps([_value(row, name.lstrip("-")) for name in order], default=str)
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def cursor_read(text: str, order: Sequence[str]) -> list[Any]:
    """The values of the row at that place.

    Raises:
        PermanentError: it is none of this list.
    """
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) if len(text) <= LONGEST else None
    except (ValueError, binascii.Error):
        values = None
    if (
        not isinstance(values, list)
        or len(values) != len(order)
        or not all(isinstance(one, str | int) for one in values)
    ):
        raise _not_one(text)
    return values


def after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """The rows that come after the one with these values, as a condition."""
    found, same = Q(pk__in=[]), Q()
    for name, value in zip(order, values, strict=True):
        field = name.lstrip("-")
        found |= same & Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": value})
        same &= Q(**{field: value})
    return found


def rows_after(rows: QuerySet[Any], order: Sequence[str], cursor: str) -> QuerySet[Any]:
    """The rows behind the place that the cursor names.

    Raises:
        PermanentError: it names no place in this list.
    """
    values = cursor_read(cursor, order)
    try:
        return rows.filter(after(order, values))
    except (ValueError, TypeError, ValidationError) as error:
        raise _not_one(cursor) from error


def _value(row: Any, path: str) -> Any:
    for step in path.split("__"):
        row = getattr(row, step)
    return row


def _not_one(text: str) -> PermanentError:
    return PermanentError(
        f"{text[:40]!r} is no place in this list.", action="Follow `next`, or begin with `cursor=first`."
    )
