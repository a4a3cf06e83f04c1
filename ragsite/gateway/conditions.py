"""`If-Match`: a change is made only to what the caller has seen (RFC 9110).

Every PUT, PATCH and DELETE heeds it, and every GET of one thing that can be changed tells its `ETag`. Where
RAGSITE_REQUIRE_IF_MATCH says so, a change without the header is refused by 428 (RFC 6585). A POST names nothing that it changes
as a whole, so the header is refused there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response

from ragsite.core.configuration import DoorSettings
from ragsite.gateway.errors import PreconditionFailedError, PreconditionRequiredError

HEADER, NEW, UNREAD = "If-Match", "If-None-Match", "If-Unmodified-Since"
ANY = "*"
CHANGING = frozenset({"PUT", "PATCH", "DELETE"})
Row = TypeVar("Row", bound=Model)
_TAGS = re.compile(r'(W/)?"[\x21\x23-\x7e]*"(\s*,\s*(W/)?"[\x21\x23-\x7e]*")*')
_TAG = re.compile(r'(?:W/)?"[^"]*"')

IF_MATCH = OpenApiParameter(
    HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` that was read, or `*`. Where it has changed since, nothing is done: 412.",
)
ETAG = OpenApiParameter(
    "ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=[200], description="For `If-Match` of a later change."
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One of these ETags is that of what is changed, or it is not there yet; without either, nothing is asked."""

    etags: frozenset[str] = frozenset()
    is_new: bool = False

    def check(self, etag: str) -> None:
        """Raises PreconditionFailedError: it is not as the caller saw it. Call it with the row locked."""
        if self.is_new:
            raise PreconditionFailedError("It is there already.")
        if self.etags and ANY not in self.etags and etag not in self.etags:
            raise PreconditionFailedError("It has changed since it was read.")

    def check_row(self, rows: QuerySet[Row], etag: Callable[[Row], str]) -> None:
        """The same of the one row that is held, read again; one that is gone fulfils nothing. Costs nothing without a condition.

        Raises:
            PreconditionFailedError: it is not as the caller saw it, or is gone.
        """
        if not self.etags and not self.is_new:
            return
        row = rows.first()
        if row is not None:
            self.check(etag(row))
        elif not self.is_new:
            raise PreconditionFailedError("It is not there.")


UNCONDITIONAL = Condition()


def condition_of(headers: Mapping[str, str]) -> Condition:
    """What a request asks.

    Raises:
        PreconditionFailedError: the header has no ETags, so none of them can match.
    """
    given = headers.get(HEADER)
    if given is None:
        return Condition(is_new=True) if headers.get(NEW, "").strip() == ANY else UNCONDITIONAL
    if given.strip() != ANY and not _TAGS.fullmatch(given.strip()):
        raise PreconditionFailedError(f"{HEADER}: {given[:60]!r} is no ETag.")
    return Condition(frozenset(_TAG.findall(given)) or frozenset({ANY}))


def conditions_refuse(method: str, headers: Mapping[str, str]) -> None:
    """Look at what a request depends on before anything is done.

    Raises:
        PreconditionFailedError: it depends on what is not looked at where it goes.
        PreconditionRequiredError: it changes something, and does not say what the caller has seen of it.
    """
    if UNREAD in headers:
        raise PreconditionFailedError(f"{UNREAD} is not supported.")
    if HEADER in headers and method not in CHANGING:
        raise PreconditionFailedError(
            f"{HEADER} is not supported here, where nothing has an ETag.", action="Leave it out."
        )
    is_conditional = HEADER in headers or headers.get(NEW, "").strip() == ANY
    if method in CHANGING and not is_conditional and DoorSettings.current().requires_if_match:
        raise PreconditionRequiredError(f"A {method} must say by {HEADER} what it changes.")


class EtagMixin:
    """GET of one thing that can be changed, by `row_etag` with its ETag. Goes before the view set."""

    row_etag: ClassVar[Any]

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.told_with_etag(self.get_object())  # type: ignore[attr-defined]  # a mixin of view sets

    def told_with_etag(self, row: Any) -> Response:
        """The row as the view set tells it."""
        told = self.get_serializer(row).data  # type: ignore[attr-defined]  # as above
        return Response(told, headers={"ETag": type(self).row_etag(row)})


def etag_of(row: Model, *fields: str, told: Any = ()) -> str:
    """The ETag of a row by what these fields hold, and by what else is `told` of it."""
    return etag_of_value([*(getattr(row, name) for name in fields), *told])


def etag_of_value(told: Any) -> str:
    """The ETag of what JSON can say."""
    held = json.dumps(told, sort_keys=True, cls=DjangoJSONEncoder)
    return f'"{hashlib.sha256(held.encode()).hexdigest()[:32]}"'
