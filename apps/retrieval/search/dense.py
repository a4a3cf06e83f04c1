"""Dense search: the chunks whose vectors are nearest to the question's, of those that meet a condition.

The condition is part of the SQL. A generation without an index is scanned exactly, and so is one with an index of which
few chunks can meet the condition. Any other is searched by its HNSW index, with an iterative scan where the condition may
leave much of it out, and once more in a more thorough way should the index return too few: no condition starves a result. What an
index of single bits finds is put in order by the whole vectors. Of a generation in parts each is searched so by itself, but for
those in which nothing can meet the condition.
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

from apps.documents.rights.access import AccessScope, Reading, read_in_one_trip, reading_as, settings_local
from apps.retrieval.models import VECTOR_ESTIMATE, GenerationState, Held, IndexGeneration, IndexPart, parts_read
from apps.retrieval.search.bits import by_bits
from apps.retrieval.search.candidates import MOST, candidates_for, goes_on, meeting_few, meeting_wanted, scan_settings
from apps.retrieval.search.farther import by_farther_scan
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import Hit
from apps.retrieval.search.parts import Looked, looked_into
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
    much would have to be compared. LEFT_OUT is what has no document that could meet the condition.
    """

    LEFT_OUT = "left_out"
    EXACT = "exact"
    INDEX = "index"
    ITERATIVE = "iterative"
    EXACT_AFTER_INDEX = "exact_after_index"
    STORE = "store"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PartPlan:
    """How a part of a divided generation was searched, or that it was left out."""

    generation_id: int
    key: str
    plan: SearchPlan


@dataclass(frozen=True, slots=True)
class DenseResult:
    """Chunks, nearest first, and how each generation was searched, by its id, and each part of those that are divided."""

    hits: tuple[Hit, ...]
    plans: dict[int, SearchPlan] = field(default_factory=dict)
    parts: tuple[PartPlan, ...] = ()


Plans = dict[int, SearchPlan]
"""By the numbers of generations and parts."""

Found = tuple[list[Hit], Plans]


def generations_in_scope(scope: AccessScope) -> list[IndexGeneration]:
    """The live generations of the knowledge bases that the scope searches, with their knowledge bases."""
    found = list(
        IndexGeneration.objects.annotate(**{"vector_estimate": VECTOR_ESTIMATE})
        .filter(
            state=GenerationState.LIVE,
            knowledge_base__tenant_id=scope.tenant_id,
            knowledge_base_id__in=scope.searched_ids,
        )
        .select_related("knowledge_base", "model_version")
        .order_by("pk")
    )
    parts_read(found)
    return found


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
    parts_read(list(of.values()))
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
    looked = [looked_into(generation, condition.extent) for generation in generations]
    unindexed = [held for one in looked for held in one.all if not held.has_hnsw]
    hits, plans = nearest_of_all(unindexed, search), dict.fromkeys((held.pk for held in unindexed), SearchPlan.EXACT)
    for one in looked:
        found, of_indexed = _of_indexed(one, search)
        hits += found
        plans |= of_indexed
    for plan in plans.values():
        SEARCHES.labels(plan).inc()
    return DenseResult(
        best(hits, limit), {one.generation.pk: _plan_of(one, plans) for one in looked}, _parts_of(looked, plans)
    )


def _plan_of(looked: Looked, plans: Plans) -> SearchPlan:
    """That of a generation; of one in parts the last of theirs, in the order of plans."""
    own = [plans[held.pk] for held in looked.all]
    return max(own, key=list(SearchPlan).index, default=SearchPlan.LEFT_OUT)


def _parts_of(looked: Sequence[Looked], plans: Plans) -> tuple[PartPlan, ...]:
    divided = [one for one in looked if one.generation.is_divided]
    return tuple(
        PartPlan(one.generation.pk, part.key, plans.get(part.pk, SearchPlan.LEFT_OUT))
        for one in divided
        for part in one.generation.held_in
        if isinstance(part, IndexPart)
    )


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
    held = [one for generation in generations for one in generation.held_in]
    parameters = _parameters(held, vector) | {"dense_chunk_ids": list(chunk_ids)}
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


def _of_indexed(looked: Looked, search: VectorSearch) -> Found:
    whole = looked.generation.knowledge_base_id in search.scope.knowledge_base_ids
    narrowed = search.condition.narrows or not whole
    within, across = _indexed(looked.within), _indexed(looked.across)
    meeting = [*within, *across] if narrowed else across
    hits, plans = _of_those_meeting(looked.generation, meeting, search) if meeting else ([], {})
    if narrowed or not within:
        return hits, plans
    by_index, plans_by_index = _by_index(within, search)
    return hits + by_index, plans | plans_by_index


def _indexed(held: Sequence[Held]) -> list[Held]:
    return [one for one in held if one.has_hnsw]


def _of_those_meeting(generation: IndexGeneration, held: Sequence[Held], search: VectorSearch) -> Found:
    with reading_as(search.scope):
        few = few_meeting(search.condition, generation)
        if few is None:
            return _guarded(held, search)
        return nearest_of(few, held, search), dict.fromkeys((one.pk for one in held), SearchPlan.EXACT)


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


def nearest_of(chunk_ids: Sequence[int], held: Sequence[Held], search: VectorSearch) -> list[Hit]:
    """The nearest of these chunks. Their vectors are read by id: no planner can misjudge how many meet the condition."""
    if not chunk_ids:
        return []
    parameters = {"dense_chunk_ids": list(chunk_ids), "dense_limit": search.limit}
    statement = _NEAREST_OF.format(width=held[0].dimensions)
    return _hits(_rows(statement, _parameters(held, search.vector) | parameters))


def _by_index(held: Sequence[Held], search: VectorSearch) -> Found:
    """Of the candidates of one scan of each those that meet the condition, by plans that are kept for the next search; of those
    whose index gave too few in a more thorough way.

    The number of the partition is part of a statement's text, so that a plan is for one partition and its index.
    """
    vector = {"dense_vector": BinaryValue(HalfVector(search.vector).to_binary())}
    parameters = search.condition.parameters | vector
    among = [_candidates(one, search, among=len(held)) for one in held]
    readings = [
        Reading(
            _worded(_by_its_index(one, candidates, iterative=False), [one], search),
            parameters,
            scan_settings(candidates, iterative=goes_on(candidates)),
        )
        for one, candidates in zip(held, among, strict=True)
    ]
    found = dict(zip(held, map(_hits, read_in_one_trip(search.scope, readings)), strict=True))
    short = [one for one in held if len(found[one]) < search.limit]
    guarded, plans = _guarded(short, search) if short else ([], {})
    enough = [one for one in held if one not in short]
    hits = [hit for one in enough for hit in found[one]]
    return hits + guarded, plans | dict.fromkeys((one.pk for one in enough), SearchPlan.INDEX)


def _guarded(held: Sequence[Held], search: VectorSearch) -> Found:
    """By an iterative scan of each, and exactly where that came back short: it ends before it has met enough that may be seen."""
    hits: list[Hit] = []
    short: list[Held] = []
    with reading_as(search.scope):
        for one in held:
            found = _iterated(one, search, among=len(held))
            hits += found if len(found) >= search.limit else []
            short += [] if len(found) >= search.limit else [one]
        settings_local({_SORTS: "on"})
        hits += nearest_of_all(short, search)
    plans = {one.pk: SearchPlan.EXACT_AFTER_INDEX if one in short else SearchPlan.ITERATIVE for one in held}
    return hits, plans


def _iterated(held: Held, search: VectorSearch, *, among: int) -> list[Hit]:
    """Where one scan does not hold the candidates, those of so many that meet the condition, if they are enough; an index of bits
    goes on until so many meet it in any case.
    """
    candidates = _candidates(held, search, among=among)
    more = replace(search, limit=max(search.limit, meeting_wanted(candidates)))
    settings_local(scan_settings(candidates, iterative=True) | {_SORTS: "off"})
    if goes_on(candidates) and not held.quantised:
        found = _ordered(by_farther_scan(candidates=candidates), [held], more)
        if len(found) >= more.limit:
            return found
        if len(found) < meeting_few(candidates):
            settings_local({_SORTS: "on"})
    return _ordered(_by_its_index(held, candidates, iterative=True), [held], more)


def _by_its_index(held: Held, candidates: int, *, iterative: bool) -> str:
    if held.quantised:
        return by_bits(candidates=candidates, iterative=iterative)
    return by_farther_scan(candidates=candidates) if goes_on(candidates) and not iterative else _NEAREST


def _candidates(held: Held, search: VectorSearch, *, among: int) -> int:
    """As many as were asked for, or as the size of that generation or part needs, one of so many that are scanned."""
    asked = SearchSettings.current(search.scope.place).candidates
    needed = asked or candidates_for(held.vector_estimate, quantised=held.quantised, among=among)
    return min(MOST, max(needed, search.limit))


def nearest_of_all(held: Sequence[Held], search: VectorSearch) -> list[Hit]:
    """The nearest of all that may be seen, in the caller's block of reading or one of its own."""
    if not held:
        return []
    with reading_as(search.scope):
        return _ordered(_NEAREST_OF_ALL, held, search)


def _ordered(statement: str, held: Sequence[Held], search: VectorSearch) -> list[Hit]:
    parameters = search.condition.parameters | {"dense_vector": HalfVector(search.vector).to_text()}
    return _hits(_rows(_worded(statement, held, search), parameters))


def _worded(statement: str, held: Sequence[Held], search: VectorSearch) -> str:
    return statement.format(
        width=held[0].dimensions,
        generations=",".join(str(one.pk) for one in held),
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


def _parameters(held: Sequence[Held], vector: NDArray[np.float32]) -> dict[str, Any]:
    """Their names are our own, as a condition may bring any others."""
    return {
        "dense_generations": [one.pk for one in held],
        "dense_vector": HalfVector(vector).to_text(),
    }


def best(hits: Iterable[Hit], limit: int) -> tuple[Hit, ...]:
    """The first of what several generations gave."""
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])


_SORTS = "enable_sort"
"""Off, the index is scanned: the planner expects too few rows to meet a condition, and would compare all that do."""

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
