"""From the passages that were found to those that are shown: loaded, reranked, different from each other, with what is around
them.

Diversity is maximal marginal relevance, Carbonell and Goldstein (1998), https://doi.org/10.1145/290941.291025:

    next = argmax over the passages p left: (1 - diversity) * relevance(p) - diversity * max over the q taken: sim(p, q)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import RankedChunk
from apps.retrieval.search.meeting import rows_meeting
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.request import SearchRequest
from apps.retrieval.search.surroundings import neighbours_of, sections_of
from ragsite.core.database import rows_in_binary


def passages_load(ranked: Sequence[RankedChunk], condition: Condition, *, scope: AccessScope) -> tuple[Passage, ...]:
    """The passages of the chunks, in their order. What no longer meets the condition since it was found is left out."""
    if not ranked:
        return ()
    with reading_as(scope):
        found = rows_meeting(_SQL, condition, {"passage_chunk_ids": [one.chunk_id for one in ranked]})
    rows = {row[0]: row for row in found}
    return tuple(_passage(rows[one.chunk_id], one) for one in ranked if one.chunk_id in rows)


def _passage(row: tuple[Any, ...], found: RankedChunk) -> Passage:
    *known, heading_path, place, told = row
    standing = (tuple(heading_path), json.loads(place) if place else None)
    fields: list[Any] = [*known, *standing, found.score, found.scores, told]
    return Passage(*fields)


_SQL = """
    SELECT c.id, d.id, d.title, d.knowledge_base_id, v.id, v.number, c.start, c."end", c.text, c.heading_path, c.place,
           d.told
    FROM documents_chunk c
    JOIN documents_documentversion v ON v.id = c.version_id
    JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE c.id = ANY(%(passage_chunk_ids)s::bigint[]) AND {condition}
"""


def mmr_order(
    relevance: NDArray[np.float64], similarities: NDArray[np.float64], *, diversity: float, limit: int
) -> list[int]:
    """Which `limit` of n passages to show, in order, by their places in `relevance` (n,).

    `diversity` is 0 for relevance alone to 1 for nothing but being unlike the others; `similarities` is (n, n). Relevance is
    brought to 0 to 1 first, as similarities are, so that scores of any kind will do. Of equal ones the earlier is taken.
    """
    worth = (1 - diversity) * _unit_range(relevance)
    alike = np.zeros(len(worth))
    taken: list[int] = []
    left = np.ones(len(worth), dtype=bool)
    while left.any() and len(taken) < limit:
        best = int(np.argmax(np.where(left, worth - diversity * alike, -np.inf)))
        taken.append(best)
        left[best] = False
        alike = np.maximum(alike, similarities[best])
    return taken


def chunk_similarities(
    chunk_ids: Sequence[int], *, scope: AccessScope, generations: Sequence[IndexGeneration]
) -> NDArray[np.float64]:
    """How like each other chunks are by their vectors: (n, n), 0 to 1.

    The vectors of different generations can't be compared, and chunks without one are unknown: they count as unlike, 0.
    """
    places = {chunk_id: place for place, chunk_id in enumerate(chunk_ids)}
    found = np.zeros((len(chunk_ids), len(chunk_ids)))
    for rows in _vectors(chunk_ids, scope, generations).values():
        at = [places[chunk_id] for chunk_id, _ in rows]
        vectors = np.stack([vector for _, vector in rows])
        found[np.ix_(at, at)] = np.clip(vectors @ vectors.T, 0.0, 1.0)
    return found


def _vectors(
    chunk_ids: Sequence[int], scope: AccessScope, generations: Sequence[IndexGeneration]
) -> dict[int, list[tuple[int, NDArray[np.float32]]]]:
    """Chunk ids and unit vectors of each generation, by its id."""
    of = {held.pk: generation.pk for generation in generations for held in generation.held_in}
    parameters = {"chunk_ids": list(chunk_ids), "generations": list(of)}
    found: dict[int, list[tuple[int, NDArray[np.float32]]]] = {}
    with reading_as(scope):
        for part_id, chunk_id, vector in rows_in_binary(_VECTORS, parameters):
            numbers = HalfVector.from_binary(vector).to_numpy().astype(np.float32)
            found.setdefault(of[part_id], []).append((chunk_id, numbers / max(float(np.linalg.norm(numbers)), 1e-9)))
    return found


def _unit_range(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each score's share of the best one, as fusion has it; where some are below 0, all are counted from the lowest."""
    lowest = min(0.0, float(scores.min(initial=0.0)))
    width = float(scores.max(initial=0.0)) - lowest
    return np.ones(len(scores)) if width == 0 else (scores - lowest) / width


_VECTORS = """
    SELECT e.generation_id, e.chunk_id, halfvec_send(e.embedding) FROM retrieval_embedding e
    WHERE e.generation_id = ANY(%(generations)s::bigint[]) AND e.chunk_id = ANY(%(chunk_ids)s::bigint[])
"""


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
