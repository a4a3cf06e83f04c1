"""Dense search of generations whose vectors are searched in a store beside PostgreSQL.

    what it is asked for ──> ask it ──> look at what it says

The store is asked between two looks into PostgreSQL, so that no transaction waits for it. It is told which versions to leave out
or to search alone, by what the scope may read and what the ledger has; so what it finds may be seen, as a rule. What it says is
no more than a proposal: as the reader that row-level security binds, those chunks are kept that meet the condition now, and
PostgreSQL's vectors give the scores, so that the two never differ in one. Versions that the store was not told of, or only a
moment ago, are compared in PostgreSQL. Where few chunks can meet the condition it is not asked at all.

If it does not answer, PostgreSQL's vectors are compared where they are not too many, and else words alone count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.documents.rights.access import AccessScope, reading_as
from apps.models.gateway import Deadline
from apps.retrieval.index.stores.choosing import collection_of, store_of
from apps.retrieval.index.stores.ledger import unsettled
from apps.retrieval.index.stores.types import Among, Near
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search import dense
from apps.retrieval.search.dense import DenseResult, SearchPlan, VectorSearch
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import Hit
from ragsite.core.database import connection_release
from ragsite.core.errors import RagError

MOST_NAMED = 2_000
"""Versions that a store is told by name; where there are more it is asked for MORE times what is wanted."""

MORE = 4
MOST_COMPARED = 500_000
"""Vectors that are compared in PostgreSQL in the place of a store that is away."""

STORE_SECONDS = 3.0
"""What a store may take of a search's time; half of what is left of it, where that is less."""

AT_ONCE = 8
"""Collections that one search asks for side by side."""


@dataclass(frozen=True, slots=True)
class StoreAnswer:
    """What the store of a generation said of a question: `hits`, or an `error`; neither where it was not asked, as few chunks are
    compared at once.

    `is_all`: there is nothing more that may be seen. `has_substitute`: PostgreSQL can answer in its place.
    """

    hits: tuple[Near, ...] = ()
    is_all: bool = False
    error: RagError | None = None
    was_asked: bool = True
    has_substitute: bool = True


Answers = Mapping[int, StoreAnswer]
"""By the ids of generations."""

NOT_ASKED = StoreAnswer(was_asked=False)


@dataclass(frozen=True, slots=True)
class _Need:
    limit: int
    seconds: float


def stores_asked(
    condition: Condition,
    *,
    scope: AccessScope,
    generations: Sequence[IndexGeneration],
    vectors: Mapping[UUID, NDArray[np.float32]],
    limit: int,
    deadline: Deadline,
) -> Answers:
    """What the stores of those generations say that have one, asked side by side; `vectors` has the question's by the versions of
    models. Nothing is asked, and no statement sent, where none has.
    """
    beside = [one for one in generations if one.collection and one.model_version_id in vectors]
    questions = {one.pk: _question(condition, scope, one) for one in beside}
    asked = [(one, question) for one in beside if (question := questions[one.pk]) is not None]
    if not asked:
        return {}
    connection_release()
    need = _Need(limit, max(0.1, min(STORE_SECONDS, deadline.remaining() / 2)))
    calls = [partial(_asked, one, question, vectors[one.model_version_id], need) for one, question in asked]
    answers = {one.pk: answer for (one, _), answer in zip(asked, _side_by_side(calls), strict=True)}
    away = [one for one, _ in asked if answers[one.pk].error is not None]
    return answers | {
        one.pk: replace(answers[one.pk], has_substitute=one.vector_estimate <= MOST_COMPARED) for one in away
    }


def stored_search(search: VectorSearch, *, generations: Sequence[IndexGeneration], answers: Answers) -> DenseResult:
    """The nearest chunks of generations with a store that meet the condition now, by what the stores said; see `dense_search`."""
    hits: list[Hit] = []
    plans: dict[int, SearchPlan] = {}
    for generation in generations:
        answer = answers.get(generation.pk, NOT_ASKED)
        with reading_as(search.scope):
            found, plans[generation.pk] = _found(generation, search, answer)
        hits += found
        dense.SEARCHES.labels(plans[generation.pk]).inc()
    return DenseResult(dense.best(hits, search.limit), plans)


@dataclass(frozen=True, slots=True)
class _Question:
    """Which versions a store is asked for; `is_exact`: none else may be seen, and all of these."""

    among: Among
    is_exact: bool


def _question(condition: Condition, scope: AccessScope, generation: IndexGeneration) -> _Question | None:
    """What the store is asked for; None where so few chunks meet the condition that all of them are compared."""
    without = unsettled(generation, most=MOST_NAMED)
    if not _narrows(condition, scope, generation):
        hidden = _versions(_HIDDEN, condition, generation)
        left_out = Among(without=frozenset([*(without or ()), *(hidden or ())]))
        return _Question(left_out, is_exact=without is not None and hidden is not None)
    with reading_as(scope):
        if dense.few_meeting(condition, generation) is not None:
            return None
        only = _versions(_MEETING, condition, generation)
    among = Among(None if only is None else frozenset(only), frozenset(without or ()))
    return _Question(among, is_exact=only is not None and without is not None)


def _narrows(condition: Condition, scope: AccessScope, generation: IndexGeneration) -> bool:
    return condition.narrows_whole or generation.knowledge_base_id not in scope.knowledge_base_ids


def _versions(statement: str, condition: Condition, generation: IndexGeneration) -> list[UUID] | None:
    """The versions that the statement names; None where they are too many to be told."""
    parameters = condition.parameters | {
        "dense_knowledge_base": generation.knowledge_base_id,
        "dense_key": generation.chunking_key,
        "dense_most": MOST_NAMED + 1,
    }
    found = _ids(statement.format(condition=condition.sql), parameters)
    return None if len(found) > MOST_NAMED else found


def _asked(generation: IndexGeneration, question: _Question, vector: NDArray[np.float32], need: _Need) -> StoreAnswer:
    wanted = need.limit if question.is_exact else MORE * need.limit
    try:
        found = store_of(generation).nearest(
            collection_of(generation), vector, limit=wanted, among=question.among, seconds=need.seconds
        )
    except RagError as error:
        return StoreAnswer(error=error)
    return StoreAnswer(tuple(found), is_all=len(found) < wanted)


def _side_by_side(asked: Sequence[Callable[[], StoreAnswer]]) -> list[StoreAnswer]:
    if len(asked) < 2:
        return [one() for one in asked]
    with ThreadPoolExecutor(min(AT_ONCE, len(asked))) as threads:
        # In the context of the request: for whom it is asked.
        return list(threads.map(lambda one: one[0].run(one[1]), [(copy_context(), one) for one in asked]))


def _found(generation: IndexGeneration, search: VectorSearch, answer: StoreAnswer) -> tuple[list[Hit], SearchPlan]:
    if not answer.was_asked or answer.error is not None:
        return _compared(generation, search) if answer.has_substitute else ([], SearchPlan.NONE)
    chunk_ids = _seen(generation, search, [near.chunk_id for near in answer.hits])
    behind = _behind(generation, search)
    hits = dense.nearest_of(sorted({*chunk_ids, *behind}), [generation], search)
    is_short = len(hits) < search.limit and not answer.is_all
    if (is_short or len(behind) > dense.SELECTIVE) and generation.vector_estimate <= MOST_COMPARED:
        return dense.nearest_of_all([generation], search), SearchPlan.EXACT_AFTER_INDEX
    return hits, SearchPlan.STORE


def _compared(generation: IndexGeneration, search: VectorSearch) -> tuple[list[Hit], SearchPlan]:
    """The nearest by PostgreSQL's vectors alone."""
    if _narrows(search.condition, search.scope, generation):
        few = dense.few_meeting(search.condition, generation)
        if few is not None:
            return dense.nearest_of(few, [generation], search), SearchPlan.EXACT
    return dense.nearest_of_all([generation], search), SearchPlan.EXACT


def _seen(generation: IndexGeneration, search: VectorSearch, chunk_ids: Sequence[int]) -> list[int]:
    """Those of the chunks that meet the condition now, and that the store answers for."""
    if not chunk_ids:
        return []
    parameters = search.condition.parameters | {"dense_chunk_ids": list(chunk_ids), "dense_generation": generation.pk}
    return _ids(_SEEN.format(condition=search.condition.sql), parameters)


def _behind(generation: IndexGeneration, search: VectorSearch) -> list[int]:
    """The chunks that meet the condition of versions that PostgreSQL answers for; no more than one too many."""
    parameters = search.condition.parameters | {
        "dense_generation": generation.pk,
        "dense_key": generation.chunking_key,
        "dense_most": dense.SELECTIVE + 1,
    }
    return _ids(_BEHIND.format(condition=search.condition.sql), parameters)


def _ids(statement: str, parameters: Mapping[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(parameters))
        return [found for (found,) in cursor.fetchall()]


_OF_BASE = """
    SELECT d.current_version_id FROM documents_document d
    WHERE d.knowledge_base_id = %(dense_knowledge_base)s AND d.deleted_at IS NULL AND d.current_version_id IS NOT NULL
"""

_MEETING = f"""{_OF_BASE}
      AND EXISTS (
          SELECT FROM documents_chunk c
          WHERE c.version_id = d.current_version_id AND c.chunking_key = %(dense_key)s AND {{condition}})
    LIMIT %(dense_most)s
"""

# Not as the reader, who does not see what is hidden from it. Only what is restricted can be.
_HIDDEN = f"""{_OF_BASE}
      AND d.restricted AND NOT EXISTS (
          SELECT FROM (SELECT NULL::bigint AS id, d.current_version_id AS version_id) c WHERE {{condition}})
    LIMIT %(dense_most)s
"""

_IS_BEHIND = """EXISTS (
    SELECT FROM retrieval_storedversion s
    WHERE s.generation_id = %(dense_generation)s AND s.version_id = c.version_id
      AND (s.settles_at IS NULL OR s.settles_at > now()))"""

_SEEN = f"""
    SELECT c.id FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE c.id = ANY(%(dense_chunk_ids)s) AND {{condition}} AND NOT {_IS_BEHIND}
"""  # noqa: S608 - constants

_BEHIND = """
    SELECT c.id
    FROM retrieval_storedversion s
    JOIN documents_document d ON d.current_version_id = s.version_id
    JOIN documents_chunk c ON c.version_id = s.version_id AND c.chunking_key = %(dense_key)s
    WHERE s.generation_id = %(dense_generation)s AND (s.settles_at IS NULL OR s.settles_at > now()) AND {condition}
    LIMIT %(dense_most)s
"""
