"""How much one may ask for: every kind of limit, and how settings write them.

A limit names a kind of work, how much of it, and in what time: `answers=10/minute`, `upload_bytes=2GB/month`, `streams=4`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Work(StrEnum):
    """What is counted."""

    SEARCHES = "searches"
    ANSWERS = "answers"
    UPLOAD_BYTES = "upload_bytes"
    TOKENS = "tokens"
    STREAMS = "streams"
    REQUESTS = "requests"


class Per(StrEnum):
    """The time in which so much may be asked for: a minute refills steadily, days and months begin anew, in UTC."""

    MINUTE = "minute"
    DAY = "day"
    MONTH = "month"
    ONCE = "once"
    """At the same moment."""


@dataclass(frozen=True, slots=True)
class LimitKind:
    """A kind of limit: what is counted, and in what time."""

    work: Work
    per: Per

    @property
    def name(self) -> str:
        """As forms and policies call it."""
        return f"{self.work}_{self.per}"


_BY_TIME: Mapping[Work, tuple[Per, ...]] = {
    Work.SEARCHES: (Per.MINUTE, Per.DAY, Per.MONTH),
    Work.ANSWERS: (Per.MINUTE, Per.DAY, Per.MONTH),
    Work.UPLOAD_BYTES: (Per.MINUTE, Per.DAY, Per.MONTH),
    Work.TOKENS: (Per.MINUTE, Per.DAY, Per.MONTH),
    Work.STREAMS: (Per.ONCE,),
    Work.REQUESTS: (Per.MINUTE,),
}
LIMIT_KINDS: tuple[LimitKind, ...] = tuple(LimitKind(work, per) for work, times in _BY_TIME.items() for per in times)
"""Every kind of limit there is."""

MOST = 10**15
"""Larger amounts say nothing: leave the limit out."""

Limits = Mapping[LimitKind, int]
NO_LIMITS: Limits = MappingProxyType({})

_LIMIT = re.compile(r"(?P<work>[a-z_]+)=(?P<amount>\d{1,15})(?P<unit>KB|MB|GB|TB)?(?:/(?P<per>[a-z]+))?")
_UNITS = {None: 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
EXAMPLE = "answers=10/minute answers=500/day upload_bytes=2GB/month streams=4"


def limits_read(text: str) -> Limits:
    """The limits that a setting writes, apart by blanks or commas; none in an empty one.

    Raises:
        ValueError: one of them makes no sense; the message quotes it.
    """
    found: dict[LimitKind, int] = {}
    for one in text.replace(",", " ").split():
        kind, amount = _limit(one)
        if kind in found:
            raise ValueError(f"{one!r}: there is one limit for {kind.work} a {kind.per} already")
        found[kind] = amount
    return MappingProxyType(found)


def limits_written(limits: Limits) -> str:
    """As `limits_read` reads them."""
    return " ".join(_written(kind, amount) for kind, amount in _in_order(limits))


def _limit(one: str) -> tuple[LimitKind, int]:
    found = _LIMIT.fullmatch(one)
    if found is None:
        raise ValueError(f"{one!r} is no limit, such as {EXAMPLE}")
    per = found["per"] or Per.ONCE
    kind = next((kind for kind in LIMIT_KINDS if (kind.work, kind.per) == (found["work"], per)), None)
    if kind is None:
        known = ", ".join(_written(kind, 1) for kind in LIMIT_KINDS)
        raise ValueError(f"{one!r} is none of {known}")
    if found["unit"] and kind.work is not Work.UPLOAD_BYTES:
        raise ValueError(f"{one!r}: {found['unit']} is for upload_bytes alone")
    amount = int(found["amount"]) * _UNITS[found["unit"]]
    if amount > MOST:
        raise ValueError(f"{one!r} is more than {MOST}")
    return kind, amount


def _written(kind: LimitKind, amount: int) -> str:
    return f"{kind.work}={amount}" + ("" if kind.per is Per.ONCE else f"/{kind.per}")


def _in_order(limits: Limits) -> Iterator[tuple[LimitKind, int]]:
    return ((kind, limits[kind]) for kind in LIMIT_KINDS if kind in limits)
