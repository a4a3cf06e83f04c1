"""How much a field may hold. Doors and services refuse in words; behind them the database has a wall for each field.

A field with a `max_length` is checked by `lengths_check`. A wall is wider than anything that doors let through, now or before:
no row there is stands in its way.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Func, IntegerField
from django.db.models.lookups import LessThanOrEqual

from ragsite.core.configuration import MEGABYTE
from ragsite.core.errors import PermanentError

LONGEST_TEXT = 10_000
"""Characters of what people write about a thing, such as a description or a question of an evaluation."""

WORDS = 128 * 1024
"""Bytes of what a program says, such as the reason for a failure."""

CONTENT = 4 * MEGABYTE
"""Bytes of what people give or models answer."""

ANSWER = 64 * MEGABYTE
"""Bytes of an answer that is kept to be given again, of what files bring, and of lists of all that a caller may see."""


class OctetLength(Func):
    """Bytes of a text or of binary data; the size is read, not the value."""

    function = "octet_length"
    output_field: ClassVar = IntegerField()


class ColumnSize(Func):
    """Bytes as PostgreSQL stores a value of any type."""

    function = "pg_column_size"
    output_field: ClassVar = IntegerField()


class BytesAtMost(models.CheckConstraint):
    """A wall: the field has at most that many bytes."""

    def __init__(self, *, field: str, most: int, name: str, size: str = "") -> None:
        self.field, self.most, self.size = field, most, size
        measure = ColumnSize if size == "column" else OctetLength
        super().__init__(condition=LessThanOrEqual(measure(F(field)), most), name=name)

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Forms have their own limits, which are narrower."""

    def deconstruct(self) -> Any:
        path, arguments, _ = super().deconstruct()
        return path, arguments, {"field": self.field, "most": self.most, "name": self.name, "size": self.size}


def text_walls(table: str, **most: int) -> list[models.BaseConstraint]:
    """Walls of texts and binary data, by the names of their fields."""
    return [BytesAtMost(field=field, most=bytes_, name=f"{table}_{field}_bytes") for field, bytes_ in most.items()]


def json_walls(table: str, **most: int) -> list[models.BaseConstraint]:
    """Walls of JSON and arrays."""
    return [
        BytesAtMost(field=field, most=bytes_, name=f"{table}_{field}_bytes", size="column")
        for field, bytes_ in most.items()
    ]


def lengths_check(model: type[models.Model], **values: str) -> None:
    """Raises PermanentError: a text has more characters than its field holds; the message names both."""
    for name, value in values.items():
        field: Any = model._meta.get_field(name)
        if field.max_length is not None and len(value) > field.max_length:
            raise PermanentError(
                f"The {field.verbose_name} of the {model._meta.verbose_name} has {len(value):,} characters.",
                action=f"At most {field.max_length:,} are kept: shorten it.",
            )
