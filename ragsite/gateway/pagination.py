"""How lists come: in pages, and none without bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, IntegerField, JSONField, Model, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from ragsite.core.bounds import OctetLength
from ragsite.core.configuration import ContentSettings
from ragsite.gateway.cursors import CURSOR, FIRST, cursor_at, ordered_wholly, rows_after

LARGEST = 999_999_999


class BoundedPagination(LimitOffsetPagination):
    """`limit` and `offset`, or `limit` and `cursor`, with at most `max_limit` rows a page, whatever is asked for.

    With a cursor a page goes on after the last row that was seen, whatever came or went before it, and nothing is counted: `next`
    leads on, and the first page is that of `cursor=first`.

    A page that would be too large ends earlier, after one row at least, and `next` goes on there. Rows that don't fit are not
    read: first the database adds up what their texts take, then what was rendered is measured.
    """

    default_limit = 50
    max_limit = 200
    taken = 0
    order: tuple[str, ...] = ()
    """By what a page with a cursor is ordered; empty for others."""
    rows: Sequence[Any] = ()
    has_more = False

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """With the limits that `_number` holds."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter, least in zip(parameters, (1, 0), strict=True):
            parameter["schema"] |= {"minimum": least, "maximum": LARGEST}
        cursor = {
            "name": CURSOR, "in": "query", "required": False, "schema": {"type": "string", "minLength": 1},
            "description": "`first`, then as `next` has it: pages that follow each other whatever comes meanwhile.",
        }  # fmt: skip
        return [*parameters, cursor]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Pages by cursor have no count."""
        told: dict[str, Any] = super().get_paginated_response_schema(schema)
        return told | {"required": ["results"]}

    def get_limit(self, request: Request) -> int:
        return min(_number(request, "limit", least=1, default=self.default_limit), self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _number(request, "offset", least=0, default=0)

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        limit, offset = self.get_limit(request), self.get_offset(request)
        self.request, self.limit, self.offset = request, limit, offset
        cursor = request.query_params.get(CURSOR)
        if cursor is not None and queryset.query.combinator is None:
            return self._after(queryset, cursor)
        self.count = self.get_count(queryset)
        self.taken = _fitting(queryset, offset, limit) if offset < self.count else 0
        return list(queryset[offset : offset + self.taken])

    def _after(self, queryset: QuerySet[Any], cursor: str) -> list[Any]:
        """The rows after the one that the cursor names."""
        rows, self.order = ordered_wholly(queryset)
        following = rows if cursor == FIRST else rows_after(rows, self.order, cursor)
        fitting = _fitting(following, 0, self.limit or 1)
        found = list(following[: (self.limit or 1) + 1])
        self.rows, self.has_more = found[:fitting], len(found) > fitting
        return self.rows

    def _page_after(self, data: list[Any]) -> Response:
        taken = _many_fit(len(JSONRenderer().render(row)) for row in data)
        has_more = self.has_more or taken < len(data)
        link = None
        if has_more and taken and self.request is not None:
            here = replace_query_param(self.request.build_absolute_uri(), self.limit_query_param, self.limit)
            link = replace_query_param(here, CURSOR, cursor_at(self.rows[taken - 1], self.order))
        return Response({"next": link, "previous": None, "results": data[:taken]})

    def get_paginated_response(self, data: list[Any]) -> Response:
        if self.order:
            return self._page_after(data)
        self.taken = _many_fit(len(JSONRenderer().render(row)) for row in data)
        return super().get_paginated_response(data[: self.taken])

    def get_next_link(self) -> str | None:
        following = (self.offset or 0) + self.taken
        if self.request is None or not self.taken or following >= (self.count or 0):
            return None
        here = replace_query_param(self.request.build_absolute_uri(), self.limit_query_param, self.limit)
        return replace_query_param(here, self.offset_query_param, following)


def _fitting(queryset: QuerySet[Any], offset: int, limit: int) -> int:
    """How many of the rows from `offset` on fit into a page, by the texts and JSON that they hold."""
    sizes = [] if queryset.query.combinator else [_size(name) for name in _unbounded(queryset.model)]
    if not sizes:
        return limit
    rows = queryset.prefetch_related(None).values_list(reduce(add, sizes), flat=True)
    return _many_fit(rows[offset : offset + limit])


def _many_fit(sizes: Iterable[int]) -> int:
    """How many of these follow each other on a page; the first one always does."""
    left, fitting = ContentSettings.current().page_bytes, 0
    for size in sizes:
        left -= size
        if left < 0 and fitting:
            break
        fitting += 1
    return fitting


def _unbounded(model: type[Model]) -> list[str]:
    """The fields whose length the column's type does not limit."""
    return [one.name for one in model._meta.concrete_fields if isinstance(one, TextField | JSONField | ArrayField)]


def _size(name: str) -> Any:
    return Coalesce(OctetLength(Cast(F(name), TextField())), Value(0), output_field=IntegerField())


def _number(request: Request, name: str, *, least: int, default: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and least <= int(given) <= LARGEST):
        raise ValidationError({name: [f"{given[:40]!r} is not a number from {least} on."]})
    return int(given)
