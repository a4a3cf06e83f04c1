"""From found passages to a ranking, and from judgements to what is relevant in it. Pure.

Documents are ranked by their best passage. A span that was judged stands for itself, as long as the version it lies in is the
one that answers: then a passage counts only if it shares at least half of the shorter of the two, and the document's
other passages count as one that is not relevant. When a newer version answers, the whole document is what is relevant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.retrieval.search.passages import Passage


@dataclass(frozen=True, slots=True)
class SpanOfVersion:
    """Characters `start` to `end` of a version's parsed text."""

    version_id: UUID
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Judged:
    """A document that is relevant to a question, or with `span` a span of the version of it that answers."""

    document_id: UUID
    grade: int
    span: SpanOfVersion | None = None

    @property
    def key(self) -> str:
        where = self.span
        return f"{self.document_id}:{where.start}-{where.end}" if where else str(self.document_id)


@dataclass(frozen=True, slots=True)
class RankingPlace:
    """A key of the ranking, and the passage that brought it there."""

    key: str
    passage: Passage


def relevant_keys(judged: Iterable[Judged]) -> dict[str, int]:
    """The grade of each relevant key; of several grades the highest."""
    grades: dict[str, int] = {}
    for one in judged:
        grades[one.key] = max(one.grade, grades.get(one.key, 0))
    return grades


def ranked(passages: Iterable[Passage], judged: Sequence[Judged], *, depth: int) -> list[RankingPlace]:
    """The first `depth` keys of the ranking that the passages, best first, come to."""
    found: dict[str, RankingPlace] = {}
    for passage in passages:
        for key in _keys(passage, judged):
            found.setdefault(key, RankingPlace(key, passage))
    return list(found.values())[:depth]


def _keys(passage: Passage, judged: Sequence[Judged]) -> Iterator[str]:
    hit = [one.key for one in judged if one.span and _is_met(one.span, passage)]
    yield from hit or [str(passage.document_id)]


def _is_met(span: SpanOfVersion, passage: Passage) -> bool:
    if span.version_id != passage.version_id:
        return False
    shared = min(span.end, passage.end) - max(span.start, passage.start)
    return shared > 0 and 2 * shared >= min(span.end - span.start, passage.end - passage.start)
