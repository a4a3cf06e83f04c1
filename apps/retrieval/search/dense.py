"""Dense search: the chunks whose vectors are nearest to the question's, within an access scope.

The scope is part of the SQL, next to the rule that only a document's current version is found. A small generation is
scanned exactly; a large one by its HNSW index with an iterative scan, and exactly again should the index return too few.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from pgvector import HalfVector

from apps.documents.access import AccessScope
from apps.documents.reading import reading_as
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.passages import Passage
from apps.retrieval.search.conditions import scope_condition


class SearchPlan(StrEnum):
    """How the nearest vectors were found."""

    EXACT = "exact"
    INDEX = "index"
    EXACT_AFTER_INDEX = "exact_after_index"


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Passages of one generation, nearest first, and how they were found."""

    passages: tuple[Passage, ...]
    plan: SearchPlan


def generations_in_scope(scope: AccessScope) -> list[IndexGeneration]:
    """The live generations of the knowledge bases that the scope searches."""
    return list(
        IndexGeneration.objects.filter(
            state=GenerationState.LIVE,
            knowledge_base__tenant_id=scope.tenant_id,
            knowledge_base_id__in=scope.searched_ids,
        )
    )


def dense_search(
    scope: AccessScope, *, generation: IndexGeneration, vector: NDArray[np.float32], limit: int
) -> DenseResult:
    """The `limit` nearest chunks of one generation to `vector` (d,), by cosine distance.

    The index is used where there is one. When it returns fewer than `limit` the search is repeated exactly: under a
    selective scope an HNSW scan may stop before it has met enough rows that may be seen.
    """
    if not generation.has_hnsw:
        return DenseResult(_nearest(scope, generation, vector, limit, exactly=True), SearchPlan.EXACT)
    passages = _nearest(scope, generation, vector, limit, exactly=False)
    if len(passages) == limit:
        return DenseResult(passages, SearchPlan.INDEX)
    return DenseResult(_nearest(scope, generation, vector, limit, exactly=True), SearchPlan.EXACT_AFTER_INDEX)


def _nearest(
    scope: AccessScope, generation: IndexGeneration, vector: NDArray[np.float32], limit: int, *, exactly: bool
) -> tuple[Passage, ...]:
    condition = scope_condition(scope)
    parameters = condition.parameters | {
        "generation": generation.pk,
        "vector": HalfVector(vector).to_text(),
        "limit": limit,
    }
    statement = _SQL.format(width=generation.dimensions, condition=condition.sql, exactly=_EXACTLY if exactly else "")
    with reading_as(scope), connection.cursor() as cursor:
        if not exactly:
            cursor.execute(_INDEX_SETTINGS)
        cursor.execute(statement, parameters)
        return tuple(_passage(row) for row in cursor.fetchall())


def _passage(row: tuple[Any, ...]) -> Passage:
    *known, heading_path, place, distance = row
    fields: list[Any] = [*known, tuple(heading_path), json.loads(place) if place else None, 1.0 - float(distance)]
    return Passage(*fields)


_EXACTLY = " + 0"
"""An order that is not the index's expression: the planner can't use the index for it."""

_INDEX_SETTINGS = """
    SET LOCAL hnsw.ef_search = 100;
    SET LOCAL hnsw.iterative_scan = relaxed_order;
    SET LOCAL hnsw.max_scan_tuples = 40000
"""

_SQL = """
    WITH nearest AS MATERIALIZED (
        SELECT c.id, c.version_id, e.embedding::halfvec({width}) <=> %(vector)s::halfvec({width}) AS distance
        FROM retrieval_embedding e
        JOIN documents_chunk c ON c.id = e.chunk_id
        JOIN documents_document d ON d.current_version_id = c.version_id
        WHERE e.generation_id = %(generation)s AND {condition}
        ORDER BY (e.embedding::halfvec({width}) <=> %(vector)s::halfvec({width})){exactly}
        LIMIT %(limit)s
    )
    SELECT c.id, d.id, d.title, d.knowledge_base_id, v.id, v.number, c.start, c."end", c.text,
           c.heading_path, c.place, n.distance
    FROM nearest n
    JOIN documents_chunk c ON c.id = n.id
    JOIN documents_documentversion v ON v.id = c.version_id
    JOIN documents_document d ON d.id = v.document_id
    ORDER BY n.distance + 0, c.id
"""
