"""How lists come: in pages, and none without bounds."""

from __future__ import annotations

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request


class BoundedPagination(LimitOffsetPagination):
    """`limit` and `offset`, with at most `max_limit` rows a page, whatever is asked for."""

    default_limit = 50
    max_limit = 200

    def get_limit(self, request: Request) -> int:
        return min(_number(request, "limit", least=1, default=self.default_limit), self.max_limit)

    def get_offset(self, request: Request) -> int:
        return _number(request, "offset", least=0, default=0)


def _number(request: Request, name: str, *, least: int, default: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and int(given) >= least):
        raise ValidationError({name: [f"{given[:40]!r} is not a number from {least} on."]})
    return int(given)
