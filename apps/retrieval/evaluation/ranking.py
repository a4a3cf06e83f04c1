"""From found passages to a ranking, and from judgements to what is relevant in it. Pure.

Documents are ranked by their best passage. A span that was judged stands for itself, as long as the version it lies in is the
one that answers: then a passage counts only if it shares at least half of the shorter of the two, and the document's
other passages count as one that is not relevant. When a newer version answers, the whole document is what is relevant.

What was judged with grade 0 is not relevant, as is what nobody judged, and changes no figure. Only where a whole document is
relevant, its passages that were judged so do not stand for it: they count as one more place that is not relevant.
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
    """A document that is relevant to a question, or with `span` a span of the version of it that answers; of grade 0, that it is
    not.
    """

    document_id: UUID
    grade: int
    span: SpanOfVersion | None = None

    @property
    def key(self) -> str:
        where = self.span
        return f"{self.document_id}:{where.start}-{where.end}" if where else str(self.document_id)


@dataclass(frozen=True, slots=True)
class RankingPlace:
    """A key of the ranking, the passage that brought it there, and whether that was judged as not relevant."""

    key: str
    passage: Passage
    is_wrong: bool = False


def relevant_keys(judged: Iterable[Judged]) -> dict[str, int]:
    """The grade of each relevant key, 1 or more; of several grades the highest."""
    grades: dict[str, int] = {}
    for one in judged:
        if one.grade:
            grades[one.key] = max(one.grade, grades.get(one.key, 0))
    return grades


def ranked(passages: Iterable[Passage], judged: Sequence[Judged], *, depth: int) -> list[RankingPlace]:
    """The first `depth` keys of the ranking that the passages, best first, come to."""
    found: dict[str, RankingPlace] = {}
    for passage in passages:
        for place in _places(passage, judged):
            found.setdefault(place.key, place)
    return list(found.values())[:depth]


def _places(passage: Passage, judged: Sequence[Judged]) -> Iterator[RankingPlace]:
    met = [one for one in judged if one.span and _is_met(one.span, passage)]
    if hit := [one.key for one in met if one.grade]:
        yield from (RankingPlace(key, passage) for key in hit)
        return
    whole = [one.grade for one in judged if one.span is None and one.document_id == passage.document_id]
    is_relevant, key = any(whole), str(passage.document_id)
    is_wrong = bool(met) or (bool(whole) and not is_relevant)
    yield RankingPlace(f"{key}:wrong" if is_wrong and is_relevant else key, passage, is_wrong)


def _is_met(span: SpanOfVersion, passage: Passage) -> bool:
    if span.version_id != passage.version_id:
        return False
    shared = min(span.end, passage.end) - max(span.start, passage.start)
    return shared > 0 and 2 * shared >= min(span.end - span.start, passage.end - passage.start)
