"""Dense search: the chunks whose vectors are nearest to the question's, of those that meet a condition.

The condition is part of the SQL. A generation without an index is scanned exactly, and so is one with an index of which
few chunks can meet the condition. Any other is searched by its HNSW index with an iterative scan, and exactly again
should the index return too few: no condition starves a result. `ragsite_dense_searches_total` counts what was done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from pgvector import HalfVector
from prometheus_client import Counter

from apps.documents.access import AccessScope
from apps.documents.reading import reading_as
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.search.conditions import Condition
from apps.retrieval.search.hits import Hit

SELECTIVE = 5_000
"""Where no more chunks than these can meet a condition, all of them are compared."""

SEARCHES = Counter("ragsite_dense_searches", "Searches for the nearest vectors, by how they were done.", ["plan"])


class SearchPlan(StrEnum):
    """How the nearest vectors were found: by comparing all, or by an index.

    ITERATIVE is an index under a condition that many chunks meet, but perhaps not those that the index comes upon first.
    EXACT_AFTER_INDEX is the guard: the index returned too few.
    """

    EXACT = "exact"
    INDEX = "index"
    ITERATIVE = "iterative"
    EXACT_AFTER_INDEX = "exact_after_index"


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Chunks, nearest first, and how each generation was searched, by its id."""

    hits: tuple[Hit, ...]
    plans: dict[int, SearchPlan] = field(default_factory=dict)


def generations_in_scope(scope: AccessScope) -> list[IndexGeneration]:
    """The live generations of the knowledge bases that the scope searches, with their knowledge bases."""
    return list(
        IndexGeneration.objects.filter(
            state=GenerationState.LIVE,
            knowledge_base__tenant_id=scope.tenant_id,
            knowledge_base_id__in=scope.searched_ids,
        )
        .select_related("knowledge_base")
        .order_by("pk")
    )


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
    wanted = _Wanted(condition, vector, limit)
    with reading_as(scope):
        plans = {generation.pk: _plan(generation, condition, scope) for generation in generations}
        exact = [generation for generation in generations if plans[generation.pk] is SearchPlan.EXACT]
        hits = _nearest(exact, wanted, SearchPlan.EXACT)
        for generation in generations:
            if plans[generation.pk] is not SearchPlan.EXACT:
                found, plans[generation.pk] = _guarded(generation, wanted, plans[generation.pk])
                hits += found
    for plan in plans.values():
        SEARCHES.labels(plan).inc()
    return DenseResult(_best(hits, limit), plans)


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
    with reading_as(scope), connection.cursor() as cursor:
        cursor.execute(_SCORES.format(width=generations[0].dimensions), parameters)
        return {chunk_id: 1.0 - float(distance) for chunk_id, distance in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is looked for."""

    condition: Condition
    vector: NDArray[np.float32]
    limit: int


def _plan(generation: IndexGeneration, condition: Condition, scope: AccessScope) -> SearchPlan:
    if not generation.has_hnsw:
        return SearchPlan.EXACT
    whole = generation.knowledge_base_id in scope.knowledge_base_ids
    if whole and not condition.narrows:
        return SearchPlan.INDEX
    return SearchPlan.EXACT if _few_meet(condition, generation) else SearchPlan.ITERATIVE


def _few_meet(condition: Condition, generation: IndexGeneration) -> bool:
    """Whether no more than SELECTIVE chunks of the generation meet the condition; no more than those are counted."""
    parameters = condition.parameters | {
        "dense_knowledge_base": generation.knowledge_base_id,
        "dense_key": generation.chunking_key,
        "dense_most": SELECTIVE + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEETING.format(condition=condition.sql), parameters)
        return bool(cursor.fetchone()[0] <= SELECTIVE)


def _guarded(generation: IndexGeneration, wanted: _Wanted, plan: SearchPlan) -> tuple[list[Hit], SearchPlan]:
    """By the index, and exactly when that came back short: a scan ends before it has met enough that may be seen."""
    hits = _nearest([generation], wanted, plan)
    if len(hits) >= wanted.limit:
        return hits, plan
    return _nearest([generation], wanted, SearchPlan.EXACT), SearchPlan.EXACT_AFTER_INDEX


def _nearest(generations: Sequence[IndexGeneration], wanted: _Wanted, plan: SearchPlan) -> list[Hit]:
    if not generations:
        return []
    exactly = plan is SearchPlan.EXACT
    names = {"width": generations[0].dimensions, "condition": wanted.condition.sql}
    statement = _NEAREST.format(**names, exactly=_EXACTLY if exactly else "")
    parameters = wanted.condition.parameters | _parameters(generations, wanted.vector) | {"dense_limit": wanted.limit}
    with connection.cursor() as cursor:
        if not exactly:
            cursor.execute(_INDEX_SETTINGS.format(ef_search=_ef_search(wanted.limit, plan)))
        cursor.execute(statement, parameters)
        return [Hit(chunk_id, 1.0 - float(distance)) for chunk_id, distance in cursor.fetchall()]


def _parameters(generations: Sequence[IndexGeneration], vector: NDArray[np.float32]) -> dict[str, Any]:
    """Their names are our own, as a condition may bring any others."""
    return {
        "dense_generations": [generation.pk for generation in generations],
        "dense_vector": HalfVector(vector).to_text(),
    }


def _ef_search(limit: int, plan: SearchPlan) -> int:
    """How many candidates a scan of the index holds; pgvector takes up to 1,000. Under a condition some are of no use."""
    return min(1_000, max(_LEAST_EF, limit * (2 if plan is SearchPlan.ITERATIVE else 1)))


def _best(hits: Iterable[Hit], limit: int) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])


_LEAST_EF = 100

_EXACTLY = " + 0"
"""An order that is not the index's expression: the planner can't use the index for it."""

_INDEX_SETTINGS = """
    SET LOCAL hnsw.ef_search = {ef_search};
    SET LOCAL hnsw.iterative_scan = relaxed_order;
    SET LOCAL hnsw.max_scan_tuples = 40000
"""

_NEAREST = """
    SELECT e.chunk_id, e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width}) AS distance
    FROM retrieval_embedding e
    JOIN documents_chunk c ON c.id = e.chunk_id
    JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE e.generation_id = ANY(%(dense_generations)s) AND {condition}
    ORDER BY (e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width})){exactly}
    LIMIT %(dense_limit)s
"""

_SCORES = """
    SELECT e.chunk_id, e.embedding::halfvec({width}) <=> %(dense_vector)s::halfvec({width})
    FROM retrieval_embedding e
    WHERE e.generation_id = ANY(%(dense_generations)s) AND e.chunk_id = ANY(%(dense_chunk_ids)s)
"""

_MEETING = """
    SELECT count(*) FROM (
        SELECT FROM documents_document d JOIN documents_chunk c ON c.version_id = d.current_version_id
        WHERE d.knowledge_base_id = %(dense_knowledge_base)s AND c.chunking_key = %(dense_key)s AND {condition}
        LIMIT %(dense_most)s
    ) meeting
"""
