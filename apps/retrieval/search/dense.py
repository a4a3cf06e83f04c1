"""Dense search: the chunks whose vectors are nearest to the question's, of those that meet a condition.

The condition is part of the SQL. A generation without an index is scanned exactly, and so is one with an index of which
few chunks can meet the condition. Any other is searched by its HNSW index, with an iterative scan where the condition may
leave much of it out, and once more in a more thorough way should the index return too few: no condition starves a result. What an
index of single bits finds is put in order by the whole vectors.
`ragsite_dense_searches_total` counts what was done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from pgvector import HalfVector

from apps.documents.rights.access import AccessScope, read_in_one_trip, reading_as, settings_local
from apps.retrieval.models import VECTOR_ESTIMATE, GenerationState, IndexGeneration
from apps.retrieval.search.bits import by_bits
from apps.retrieval.search.candidates import MOST, candidates_for
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import Hit
from ragsite.core.configuration import SearchSettings
from ragsite.core.database import BinaryValue
from ragsite.core.metrics.instruments import counter

SELECTIVE = 5_000
"""Where no more chunks than these can meet a condition, all of them are compared."""

SEARCHES = counter("ragsite_dense_searches_total")


class SearchPlan(StrEnum):
    """How the nearest vectors were found: by comparing all, or by an index.

    ITERATIVE is an index under a condition that many chunks meet, but perhaps not those that the index comes upon first.
    EXACT_AFTER_INDEX is the guard: the index returned too few. STORE is a store beside PostgreSQL; NONE: that is away, and too
    much would have to be compared.
    """

    EXACT = "exact"
    INDEX = "index"
    ITERATIVE = "iterative"
    EXACT_AFTER_INDEX = "exact_after_index"
    STORE = "store"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Chunks, nearest first, and how each generation was searched, by its id."""

    hits: tuple[Hit, ...]
    plans: dict[int, SearchPlan] = field(default_factory=dict)


def generations_in_scope(scope: AccessScope) -> list[IndexGeneration]:
    """The live generations of the knowledge bases that the scope searches, with their knowledge bases."""
    return list(
        IndexGeneration.objects.annotate(**{"vector_estimate": VECTOR_ESTIMATE})
        .filter(
            state=GenerationState.LIVE,
            knowledge_base__tenant_id=scope.tenant_id,
            knowledge_base_id__in=scope.searched_ids,
        )
        .select_related("knowledge_base", "model_version")
        .order_by("pk")
    )


def standbys_of(generations: Sequence[IndexGeneration]) -> dict[int, IndexGeneration]:
    """By the id of each live generation the smaller model's that answers where its model does not, if there is one.

    It has the same chunks, so that words are searched for in the same index.
    """
    live = [one for one in generations if one.model_version.fallback_id is not None]
    if not live:
        return {}
    bases = [one.knowledge_base_id for one in live]
    kept = IndexGeneration.objects.annotate(**{"vector_estimate": VECTOR_ESTIMATE}).filter(
        state=GenerationState.STANDBY, knowledge_base__in=bases
    )
    of: dict[tuple[UUID, UUID | None, str], IndexGeneration] = {
        (one.knowledge_base_id, one.model_version_id, one.chunking_key): one
        for one in kept.select_related("knowledge_base")
    }
    keys = {one.pk: (one.knowledge_base_id, one.model_version.fallback_id, one.chunking_key) for one in live}
    return {pk: of[key] for pk, key in keys.items() if key in of}


def dense_search(
    condition: Condition,
    *,
    scope: AccessScope,
    generations: Sequence[IndexGeneration],
    vector: NDArray[np.float32],
    limit: int,
) -> DenseResult:
    """The `limit` chunks nearest to `vector` (d,) that meet the condition, by cosine similarity.

    The generations are of one model. Those without an index are searched in one statement. The condition has the scope's
    own; all is read as the scope says, so that a condition without it finds nothing more.
    """
    search = VectorSearch(condition, scope, vector, limit)
    unindexed = [generation for generation in generations if not generation.has_hnsw]
    hits = nearest_of_all(unindexed, search)
    plans = {generation.pk: SearchPlan.EXACT for generation in generations}
    for generation in generations:
        if generation.has_hnsw:
            found, plans[generation.pk] = _of_indexed(generation, search)
            hits += found
    for plan in plans.values():
        SEARCHES.labels(plan).inc()
    return DenseResult(best(hits, limit), plans)


def dense_scores(
    chunk_ids: Collection[int],
    *,
    scope: AccessScope,
    generations: Sequence[IndexGeneration],
    vector: NDArray[np.float32],
) -> dict[int, float]:
    """The cosine similarities of given chunks, such as another leg found, to `vector` (d,); the generations are of one model."""
    if not chunk_ids or not generations:
        return {}
    parameters = _parameters(generations, vector) | {"dense_chunk_ids": list(chunk_ids)}
    with reading_as(scope):
        scored = _hits(_rows(_SCORES.format(width=generations[0].dimensions), parameters))
    return {hit.chunk_id: hit.score for hit in scored}


@dataclass(frozen=True, slots=True)
class VectorSearch:
    """What is looked for, and for whom."""

    condition: Condition
    scope: AccessScope
    vector: NDArray[np.float32]
    limit: int


def _of_indexed(generation: IndexGeneration, search: VectorSearch) -> tuple[list[Hit], SearchPlan]:
    whole = generation.knowledge_base_id in search.scope.knowledge_base_ids
    if not whole or search.condition.narrows:
        return _of_those_meeting(generation, search)
    hits = _by_index(generation, search)
    return (hits, SearchPlan.INDEX) if len(hits) >= search.limit else _guarded(generation, search)


def _of_those_meeting(generation: IndexGeneration, search: VectorSearch) -> tuple[list[Hit], SearchPlan]:
    with reading_as(search.scope):
        few = few_meeting(search.condition, generation)
        if few is None:
            return _guarded(generation, search)
        return nearest_of(few, generation, search), SearchPlan.EXACT


def few_meeting(condition: Condition, generation: IndexGeneration) -> list[int] | None:
    """As the reader, the chunks of the generation that meet the condition; None when they are more than SELECTIVE."""
    parameters = condition.parameters | {
        "dense_knowledge_base": generation.knowledge_base_id,
        "dense_key": generation.chunking_key,
        "dense_most": SELECTIVE + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEETING.format(condition=condition.sql), parameters)
        found = [chunk_id for (chunk_id,) in cursor.fetchall()]
    return None if len(found) > SELECTIVE else found


def nearest_of(chunk_ids: Sequence[int], generation: IndexGeneration, search: VectorSearch) -> list[Hit]:
    """The nearest of these chunks. Their vectors are read by id: no planner can misjudge how many meet the condition."""
    if not chunk_ids:
        return []
    parameters = {"dense_chunk_ids": list(chunk_ids), "dense_limit": search.limit}
    statement = _NEAREST_OF.format(width=generation.dimensions)
    return _hits(_rows(statement, _parameters([generation], search.vector) | parameters))


def _by_index(generation: IndexGeneration, search: VectorSearch) -> list[Hit]:
    """Of the candidates of one scan those that meet the condition, by a plan that is kept for the next search.

    The generation is part of the statement's text, so that a plan is for one partition and its index.
    """
    vector = {"dense_vector": BinaryValue(HalfVector(search.vector).to_binary())}
    candidates = _candidates(generation, search)
    statement = _worded(_by_its_index(generation, candidates, iterative=False), [generation], search)
    settings = _index_settings("off", candidates)
    return _hits(read_in_one_trip(search.scope, statement, search.condition.parameters | vector, settings=settings))


def _guarded(generation: IndexGeneration, search: VectorSearch) -> tuple[list[Hit], SearchPlan]:
    """By an iterative scan, and exactly when that came back short: it ends before it has met enough that may be seen.

    It gives its rows only roughly in order: a few more than are wanted make up for it.
    """
    more = replace(search, limit=max(search.limit, _LEAST_ITERATIVE))
    with reading_as(search.scope):
        candidates = _candidates(generation, more)
        settings_local(_index_settings("relaxed_order", candidates))
        hits = _ordered(_by_its_index(generation, candidates, iterative=True), [generation], more)
    if len(hits) >= search.limit:
        return hits, SearchPlan.ITERATIVE
    return nearest_of_all([generation], search), SearchPlan.EXACT_AFTER_INDEX


def _by_its_index(generation: IndexGeneration, candidates: int, *, iterative: bool) -> str:
    return by_bits(candidates=candidates, iterative=iterative) if generation.quantised else _NEAREST


def _candidates(generation: IndexGeneration, search: VectorSearch) -> int:
    """As many as were asked for, or as the generation's size needs."""
    asked = SearchSettings.current(search.scope.place).candidates
    needed = asked or candidates_for(generation.vector_estimate, quantised=generation.quantised)
    return min(MOST, max(needed, search.limit))


def _index_settings(iterative_scan: str, candidates: int) -> dict[str, str]:
    return {
        "hnsw.ef_search": str(candidates),
        "hnsw.iterative_scan": iterative_scan,
        "hnsw.max_scan_tuples": "40000",
    }


def nearest_of_all(generations: Sequence[IndexGeneration], search: VectorSearch) -> list[Hit]:
    """The nearest of all that may be seen, in the caller's block of reading or one of its own."""
    if not generations:
        return []
    with reading_as(search.scope):
        return _ordered(_NEAREST_OF_ALL, generations, search)


def _ordered(statement: str, generations: Sequence[IndexGeneration], search: VectorSearch) -> list[Hit]:
    parameters = search.condition.parameters | {"dense_vector": HalfVector(search.vector).to_text()}
    return _hits(_rows(_worded(statement, generations, search), parameters))


def _worded(statement: str, generations: Sequence[IndexGeneration], search: VectorSearch) -> str:
    return statement.format(
        width=generations[0].dimensions,
        generations=",".join(str(generation.pk) for generation in generations),
        chunk=_CHUNK if search.condition.narrows else _ITS_IDS,
        condition=search.condition.sql,
        limit=search.limit,
    )


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _hits(rows: Iterable[tuple[Any, ...]]) -> list[Hit]:
    return [Hit(chunk_id, 1.0 - float(distance)) for chunk_id, distance in rows]


def _parameters(generations: Sequence[IndexGeneration], vector: NDArray[np.float32]) -> dict[str, Any]:
    """Their names are our own, as a condition may bring any others."""
    return {
        "dense_generations": [generation.pk for generation in generations],
        "dense_vector": HalfVector(vector).to_text(),
    }


def best(hits: Iterable[Hit], limit: int) -> tuple[Hit, ...]:
    """The first of what several generations gave."""
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])


_LEAST_ITERATIVE = 60
"""Rows that an iterative scan gives at least."""

# To look each chunk up costs more than all else that a search does beside the scan of its index.
_CHUNK = "JOIN documents_chunk c ON c.id = e.chunk_id"
_ITS_IDS = "CROSS JOIN LATERAL (SELECT e.chunk_id AS id, e.version_id) c"

_NEAREST = """
    SELECT e.chunk_id, e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
    FROM retrieval_embedding e
    {chunk}
    JOIN documents_document d ON d.current_version_id = e.version_id
    WHERE e.generation_id IN ({generations}) AND {condition}
    ORDER BY (e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}))
    LIMIT {limit}
"""

# An order that is not the index's expression: the planner can't use the index for it.
_NEAREST_OF_ALL = _NEAREST.replace("\n    LIMIT", " + 0\n    LIMIT")

_SCORES = """
    SELECT e.chunk_id, e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
    FROM retrieval_embedding e
    WHERE e.generation_id = ANY(%(dense_generations)s) AND e.chunk_id = ANY(%(dense_chunk_ids)s)
"""

_NEAREST_OF = """
    SELECT e.chunk_id, e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
    FROM retrieval_embedding e
    WHERE e.generation_id = ANY(%(dense_generations)s) AND e.chunk_id = ANY(%(dense_chunk_ids)s)
    ORDER BY (e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width})) + 0
    LIMIT %(dense_limit)s
"""

_MEETING = """
    SELECT c.id
    FROM documents_document d
    JOIN documents_chunk c ON c.version_id = d.current_version_id
    WHERE d.knowledge_base_id = %(dense_knowledge_base)s AND c.chunking_key = %(dense_key)s AND {condition}
    LIMIT %(dense_most)s
"""
