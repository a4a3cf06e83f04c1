"""Diversity: of passages that say the same, the best one comes first and the others later, or not at all.

Maximal marginal relevance, Carbonell and Goldstein (1998), https://doi.org/10.1145/290941.291025:

    next = argmax over the passages p left: (1 - diversity) * relevance(p) - diversity * max over the q taken: sim(p, q)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector

from apps.documents.rights.access import AccessScope
from apps.documents.rights.reading import reading_as
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import rows_in_binary


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
    parameters = {"chunk_ids": list(chunk_ids), "generations": [generation.pk for generation in generations]}
    found: dict[int, list[tuple[int, NDArray[np.float32]]]] = {}
    with reading_as(scope):
        for generation_id, chunk_id, vector in rows_in_binary(_VECTORS, parameters):
            numbers = HalfVector.from_binary(vector).to_numpy().astype(np.float32)
            found.setdefault(generation_id, []).append((chunk_id, numbers / max(float(np.linalg.norm(numbers)), 1e-9)))
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
