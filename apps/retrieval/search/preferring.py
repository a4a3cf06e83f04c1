"""What a fused order prefers: documents that the question names, and pages that it has not come to yet. Pure.

    named    = (1 - names) * fused + names * share      share of the most that any candidate's document has of the question
    score(k) = same_page ** (k - 1) * named             the k-th passage of its page, counted from the best

Sentences of ten years' reports are alike, and a question says which year it means. What stands beside the best passage of a page is
seen with it, so that the next page has more to say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.retrieval.search.fusion import RankedChunk
from apps.retrieval.search.naming import AskedWords, Named, names_compared

Page = tuple[UUID, str, int]
"""A document, whether it has pages or slides, and the number."""


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
) -> tuple[RankedChunk, ...]:
    """The ranked chunks of which the candidates are known, by chunk id, in the order that the settings prefer, best first.

    Where no candidate's document has a word of the question in its name, and no page has two of them, nothing changes. Equal
    scores are in the order of their ids.
    """
    known = [one for one in ranked if one.chunk_id in candidates]
    named = _by_names(known, candidates, asked, settings.names) if settings.names > 0 else known
    return tuple(_by_pages(named, candidates, settings.same_page) if settings.same_page < 1 else named)


def _by_names(
    ranked: Sequence[RankedChunk], candidates: Mapping[int, Candidate], asked: AskedWords, names: float
) -> list[RankedChunk]:
    documents = {one.document_id: one.title for one in candidates.values()}
    having = names_compared(asked, documents)
    if not having:
        return list(ranked)
    return _best_first(_weighed(one, having.get(candidates[one.chunk_id].document_id), names) for one in ranked)


def _weighed(one: RankedChunk, named: Named | None, names: float) -> RankedChunk:
    share, words = (named.share, named.words) if named else (0.0, ())
    scores = replace(one.scores, named=share, name_words=words)
    return replace(one, score=(1 - names) * one.score + names * share, scores=scores)


def _by_pages(
    ranked: Sequence[RankedChunk], candidates: Mapping[int, Candidate], same_page: float
) -> list[RankedChunk]:
    met: Counter[Page] = Counter()
    found = []
    for one in ranked:
        page = candidates[one.chunk_id].page
        if page is not None:
            met[page] += 1
            score = one.score * same_page ** (met[page] - 1)
            one = replace(one, score=score, scores=replace(one.scores, page_rank=met[page]))
        found.append(one)
    return _best_first(found)


def _best_first(ranked: Iterable[RankedChunk]) -> list[RankedChunk]:
    return sorted(ranked, key=lambda one: (-one.score, one.chunk_id))
