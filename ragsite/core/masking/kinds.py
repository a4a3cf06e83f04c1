"""The kinds of values that are recognised, and a find of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """In the order in which they win over each other where they overlap."""

    SECRET = "secret"  # noqa: S105 - a kind
    EMAIL = "email"
    IBAN = "iban"
    CARD = "card"
    NATIONAL_ID = "national_id"
    PHONE = "phone"
    IP_ADDRESS = "ip_address"
    NAME = "name"


USUAL = frozenset(Kind) - {Kind.IP_ADDRESS, Kind.NAME}
"""What is masked where nobody says which kinds."""

RANKS = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Find:
    """A value of a kind: the characters from `start` to before `end` of a text, in Unicode code points."""

    kind: Kind
    start: int
    end: int


def finds_apart(finds: Sequence[Find]) -> tuple[Find, ...]:
    """The finds in the order of the text, without those that overlap one of a kind that wins, or of theirs a longer one."""
    chosen: list[Find] = []
    for find in sorted(finds, key=lambda one: (one.start, one.end)):
        while chosen and chosen[-1].end > find.start and _strength(find) < _strength(chosen[-1]):
            chosen.pop()
        if not chosen or chosen[-1].end <= find.start:
            chosen.append(find)
    return tuple(chosen)


def _strength(find: Find) -> tuple[int, int]:
    """The lower one wins."""
    return RANKS[find.kind], find.start - find.end
