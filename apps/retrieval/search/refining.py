"""From the passages that were found to those that are shown: reranked, different from each other, with what is around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from apps.documents.rights.access import AccessScope
from apps.documents.rights.reading import reading_as
from apps.retrieval.search.diversity import mmr_order
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.surroundings import neighbours_of, sections_of

Similarities = NDArray[np.float64]


def passages_chosen(
    request: SearchRequest, passages: Sequence[Passage], found: Sequence[Passage], alike: Similarities | None
) -> tuple[Passage, ...]:
    """The passages to show, best first; `alike` (n, n) says how like each other those `found` are, in their order."""
    if alike is None:
        return tuple(passages[: request.top_k])
    places = {passage.chunk_id: place for place, passage in enumerate(found)}
    order = [places[passage.chunk_id] for passage in passages]
    similarities = alike[np.ix_(order, order)]
    chosen = mmr_order(_relevance(passages), similarities, diversity=request.diversity, limit=request.top_k)
    return tuple(passages[place] for place in chosen)


def passages_surrounded(request: SearchRequest, passages: Sequence[Passage], scope: AccessScope) -> tuple[Passage, ...]:
    """The passages with the neighbours and sections that the request asks for."""
    chunk_ids = [passage.chunk_id for passage in passages]
    if not chunk_ids or not (request.neighbours or request.section):
        return tuple(passages)
    with reading_as(scope):
        around = neighbours_of(chunk_ids, scope=scope, reach=request.neighbours) if request.neighbours else {}
        sections = sections_of(chunk_ids, scope=scope) if request.section else {}
    return tuple(
        replace(passage, neighbours=around.get(passage.chunk_id, ()), section=sections.get(passage.chunk_id))
        for passage in passages
    )


def _relevance(passages: Sequence[Passage]) -> NDArray[np.float64]:
    """The scores they are ordered by; what was not reranked counts as the last of what was."""
    read = [passage.score for passage in passages if passage.scores.rerank is not None]
    least = min(read, default=None)
    scores = [passage.score if least is None or passage.scores.rerank is not None else least for passage in passages]
    return np.array(scores, dtype=np.float64)
