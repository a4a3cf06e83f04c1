"""Which parts of a divided generation a search looks into: those in which a document can meet its condition. Pure.

Where all documents of a part are within the condition's extent, what it asks beside that decides how the part is searched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from apps.documents.models import PartsBy
from apps.retrieval.models import Held, IndexGeneration, IndexPart
from apps.retrieval.search.filters import EVERYWHERE, Extent, Period


class Overlap(StrEnum):
    """How much of a part is within an extent."""

    NONE = "none"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Looked:
    """What of a generation a search looks into: itself, or parts of it. Of `within` all documents meet the condition's extent, of
    `across` some; what is `left_out` has none.
    """

    generation: IndexGeneration
    within: Sequence[Held]
    across: Sequence[Held]
    left_out: Sequence[IndexPart] = ()

    @property
    def all(self) -> Sequence[Held]:
        return [*self.within, *self.across]


def looked_into(generation: IndexGeneration, extent: Extent) -> Looked:
    """What of the generation is to be searched."""
    if not generation.is_divided:
        return Looked(generation, [generation], []) if extent == EVERYWHERE else Looked(generation, [], [generation])
    by: dict[Overlap, list[IndexPart]] = {one: [] for one in Overlap}
    for part in generation.held_in:
        if isinstance(part, IndexPart):
            by[overlap(PartsBy(generation.parts), part.key, extent)].append(part)
    return Looked(generation, by[Overlap.ALL], by[Overlap.SOME], by[Overlap.NONE])


def overlap(parts: PartsBy, key: str, extent: Extent) -> Overlap:
    """How much of the part of that key is within the extent."""
    if extent == EVERYWHERE:
        return Overlap.ALL
    if parts is PartsBy.TYPE:
        of_type = extent.types is None or key in extent.types
        return (Overlap.ALL if extent.created == Period() else Overlap.SOME) if of_type else Overlap.NONE
    covered = _covered(_period(key), extent.created)
    return Overlap.SOME if covered is Overlap.ALL and extent.types is not None else covered


def _covered(part: Period, asked: Period) -> Overlap:
    assert part.start is not None  # noqa: S101 - every key has a beginning
    begins, ends = part.start, part.end or _LAST
    start, end = asked.start or begins, asked.end or ends
    if start >= ends or end <= begins or start >= end:
        return Overlap.NONE
    return Overlap.ALL if start <= begins and end >= ends else Overlap.SOME


def _period(key: str) -> Period:
    """The month `2026-11` or the year `2026`, in UTC."""
    year, _, month = key.partition("-")
    first = datetime(int(year), int(month or 1), 1, tzinfo=UTC)
    months = 12 * first.year + first.month - 1 + (1 if month else 12)
    return Period(first, datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC) if months < 120_000 else None)


_LAST = datetime.max.replace(tzinfo=UTC)
