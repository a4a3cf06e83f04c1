"""`If-Match`: a change is made only to what the caller has seen (RFC 9110). What has no ETag meets no such condition."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from ragsite.gateway.errors import PreconditionFailedError

HEADER, UNREAD = "If-Match", "If-Unmodified-Since"
ANY = "*"
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
    """One of these ETags is that of what is changed; without any, nothing is asked."""

    etags: frozenset[str] = frozenset()

    def check(self, etag: str) -> None:
        """Raises PreconditionFailedError: it is not as the caller saw it. Call it with the row locked."""
        if self.etags and ANY not in self.etags and etag not in self.etags:
            raise PreconditionFailedError("It has changed since it was read.")


UNCONDITIONAL = Condition()


def condition_of(headers: Mapping[str, str]) -> Condition:
    """What a request asks.

    Raises:
        PreconditionFailedError: the header has no ETags, so none of them can match.
    """
    given = headers.get(HEADER)
    if given is None:
        return UNCONDITIONAL
    if given.strip() != ANY and not _TAGS.fullmatch(given.strip()):
        raise PreconditionFailedError(f"{HEADER}: {given[:60]!r} is no ETag.")
    return Condition(frozenset(_TAG.findall(given)) or frozenset({ANY}))


def conditions_refuse(headers: Mapping[str, str], *, heeded: bool = False) -> None:
    """Raises PreconditionFailedError: the request depends on what is not looked at where it goes."""
    if UNREAD in headers:
        raise PreconditionFailedError(f"{UNREAD} is not supported.")
    if HEADER in headers and not heeded:
        raise PreconditionFailedError(
            f"{HEADER} is not supported here, where nothing has an ETag.", action="Leave it out."
        )


def etag_of(row: Model, *fields: str) -> str:
    """The ETag of a row by what these fields hold."""
    told = json.dumps([getattr(row, name) for name in fields], sort_keys=True, cls=DjangoJSONEncoder)
    return f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'
