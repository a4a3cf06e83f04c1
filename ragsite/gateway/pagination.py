"""How lists come: in pages, and none without bounds."""

from __future__ import annotations

from rest_framework.pagination import LimitOffsetPagination


class BoundedPagination(LimitOffsetPagination):
    """`limit` and `offset`, with at most `max_limit` rows a page, whatever is asked for."""

    default_limit = 50
    max_limit = 200
