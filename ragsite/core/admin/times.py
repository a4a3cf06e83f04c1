"""Columns of lists that say times in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Model
from django.utils.safestring import SafeString

from ragsite.core.times import time_shown


def columns_with_times(model: type[Model], columns: Iterable[Any]) -> tuple[Any, ...]:
    """The columns of a list, with each field that holds a time replaced by one that says it in words."""
    return tuple(_time_column(model, name) if _is_time(model, name) else name for name in columns)


def _is_time(model: type[Model], name: Any) -> bool:
    try:
        return isinstance(name, str) and isinstance(model._meta.get_field(name), DateTimeField)
    except FieldDoesNotExist:
        return False


@cache
def _time_column(model: type[Model], name: str) -> Callable[[Model], SafeString]:
    """Always the same one: Django looks for it among the fields that nobody fills in."""

    def column(row: Model) -> SafeString:
        return time_shown(getattr(row, name))

    field: Any = model._meta.get_field(name)
    column.__name__ = name
    column.short_description = field.verbose_name  # type: ignore[attr-defined]
    column.admin_order_field = name  # type: ignore[attr-defined]
    return column
