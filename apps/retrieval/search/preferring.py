"""What a fused order prefers: documents that the question names, and pages that it has not come to yet. Pure.

    named    = (1 - names) * fused + names * share      share of the most that any candidate's document has of the question
    score(k) = same_page ** (k - 1) * named             the k-th passage of its page, counted from the best

Sentences of ten years' reports are alike, and a question says which year it means. What stands beside a page's best passage is
seen with it, so that the next page has more to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.retrieval.search.fusion import RankedChunk
from apps.retrieval.search.naming import AskedWords, Named, names_compared

Page = tuple[UUID, str, int]
"""A document, whether it has pages or slides, and the number."""

NOT_NAMED = Named(0.0, ())


@dataclass(frozen=True, slots=True)
class Candidate:
    """Where a ranked chunk stands: in which document, and on which page or slide, if it has any."""

    document_id: UUID
    title: str
    page: Page | None = None


def has_preferences(settings: RetrievalSettings) -> bool:
    """Whether an order by these settings prefers anything: shares of scores can be weighed, ranks can't."""
    fused = settings.mode is Mode.HYBRID and settings.fusion is Fusion.CONVEX
    return fused and (settings.names > 0 or settings.same_page < 1)


def prefer(
    ranked: Sequence[RankedChunk],
    candidates: Mapping[int, Candidate],
    asked: AskedWords,
    *,
    settings: RetrievalSettings,
    limit: int,
) -> tuple[RankedChunk, ...]:
    """The `limit` best of the ranked chunks that are known as candidates, by chunk id, in the order that the settings prefer.

    Where no candidate's document has a word of the question in its name, and no page has two of them, nothing changes. Equal
    scores are in the order of their ids.
    """
    having = _named(candidates, asked) if settings.names > 0 else {}
    known = [one for one in ranked if one.chunk_id in candidates]
    standing = [_Standing(one, candidates[one.chunk_id], one.score) for one in known]
    if having:
        standing = _best_first(_by_name(one, having, settings.names) for one in standing)
    if settings.same_page < 1:
        standing = _best_first(_by_page(standing, settings.same_page))
    return tuple(_told(one, having) for one in standing[:limit])


class _Standing(NamedTuple):
    """A chunk where it stands meanwhile, and, of one with a page, the place among that page's."""

    chunk: RankedChunk
    candidate: Candidate
    score: float
    page_rank: int | None = None


def _named(candidates: Mapping[int, Candidate], asked: AskedWords) -> dict[UUID, Named]:
    return names_compared(asked, {one.document_id: one.title for one in candidates.values()})


def _by_name(one: _Standing, having: Mapping[UUID, Named], names: float) -> _Standing:
    named = having.get(one.candidate.document_id, NOT_NAMED)
    return _Standing(one.chunk, one.candidate, (1 - names) * one.score + names * named.share)


def _by_page(standing: Iterable[_Standing], same_page: float) -> Iterator[_Standing]:
    met: Counter[Page] = Counter()
    for one in standing:
        page = one.candidate.page
        if page is None:
            yield one
        else:
            met[page] += 1
            yield _Standing(one.chunk, one.candidate, one.score * same_page ** (met[page] - 1), met[page])


def _best_first(standing: Iterable[_Standing]) -> list[_Standing]:
    return sorted(standing, key=lambda one: (-one.score, one.chunk.chunk_id))


def _told(one: _Standing, having: Mapping[UUID, Named]) -> RankedChunk:
    named = having.get(one.candidate.document_id, NOT_NAMED)
    scores = replace(
        one.chunk.scores, named=named.share if having else None, name_words=named.words, page_rank=one.page_rank
    )
    return RankedChunk(one.chunk.chunk_id, one.score, scores)
