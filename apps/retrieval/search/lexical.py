"""Lexical search: of the chunks that score best for a question's terms, those that meet a condition.

The index is read at one moment, and every chunk scored exactly; a second statement takes the best of the most promising ones
that meet the condition. When too few of them do, it is given more, and in the end all: no condition starves a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.index.lexical.reading import NOTHING_SCORED, ScoredChunks, index_parameters, lexical_score
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.filters import Condition
from apps.retrieval.search.fusion import Hit

FIRST, SECOND, FOR_EACH = 200, 5_000, 4
"""Candidates that are tried first, and next, each with so many more for each hit that is asked for; then all others."""

SELECTIVE = 10_000
"""Of more candidates than these, those that meet the condition are taken first, if they are no more."""


class LexicalPlan(StrEnum):
    """Whether the most promising candidates were enough."""

    PRUNED = "pruned"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Chunks, best first, how they were found, and all that have a term of the question, seen or not."""

    hits: tuple[Hit, ...]
    plan: LexicalPlan
    candidates: ScoredChunks


def lexical_search(
    condition: Condition, *, scope: AccessScope, generations: Sequence[IndexGeneration], text: str, limit: int
) -> LexicalResult:
    """The `limit` chunks of the generations that have terms of `text`, meet the condition and score best.

    Chunks of equal score are in the order of their ids. The condition has the scope's own; all is read as the scope says,
    so that a condition without it finds nothing more.
    """
    indexes = _indexes(generations)
    if not indexes:
        return LexicalResult((), LexicalPlan.PRUNED, NOTHING_SCORED)
    with reading_as(scope):
        return _search(condition, indexes, text, limit)


def _search(condition: Condition, indexes: Sequence[LexicalIndex], text: str, limit: int) -> LexicalResult:
    hits: list[Hit] = []
    plan = LexicalPlan.PRUNED
    candidates = lexical_score(indexes, text)
    for number, window in enumerate(_windows(candidates, limit)):
        plan = LexicalPlan.FULL if number else LexicalPlan.PRUNED
        promising = window if len(window.scores) <= SELECTIVE else _narrowed(window, condition, indexes)
        hits += _meeting(condition, promising, limit - len(hits))
        if len(hits) >= limit:
            break
    return LexicalResult(tuple(hits), plan, candidates)


def _windows(candidates: ScoredChunks, limit: int) -> Iterator[ScoredChunks]:
    """The candidates in parts, each better than all after it; equal scores are never parted."""
    rest = candidates
    for size in (FIRST + FOR_EACH * limit, SECOND + FOR_EACH * limit):
        if len(rest.scores) <= size:
            break
        best = rest.scores >= np.partition(rest.scores, -size)[-size]
        yield rest.where(best)
        rest = rest.where(~best)
    if len(rest.scores):
        yield rest


def _meeting(condition: Condition, candidates: ScoredChunks, limit: int) -> list[Hit]:
    """The best of the candidates that meet the condition."""
    ordered = candidates.best_first()
    # Thousands of ids as one literal: an array of parameters would take longer to send than to search.
    chunk_ids = f"{{{','.join(map(str, ordered.chunk_ids.tolist()))}}}"
    with connection.cursor() as cursor:
        statement = _MEETING.format(condition=condition.sql)
        cursor.execute(statement, condition.parameters | {"lexical_chunk_ids": chunk_ids, "lexical_limit": limit})
        return [Hit(chunk_id, float(ordered.scores[place - 1])) for chunk_id, place in cursor.fetchall()]


def _narrowed(candidates: ScoredChunks, condition: Condition, indexes: Sequence[LexicalIndex]) -> ScoredChunks:
    """Those of many candidates that meet the condition, if few chunks do; else all of them."""
    allowed = _allowed(condition, indexes)
    return candidates if allowed is None else candidates.where(np.isin(candidates.chunk_ids, allowed))


def _allowed(condition: Condition, indexes: Sequence[LexicalIndex]) -> NDArray[np.int64] | None:
    """The ids of all the indexes' chunks that meet the condition; None when they are more than SELECTIVE."""
    parameters = condition.parameters | index_parameters(indexes) | {"lexical_most": SELECTIVE + 1}
    with connection.cursor() as cursor:
        cursor.execute(_ALLOWED.format(condition=condition.sql), parameters)
        found = np.array([chunk_id for (chunk_id,) in cursor.fetchall()], dtype=np.int64)
    return None if len(found) > SELECTIVE else found


def _indexes(generations: Sequence[IndexGeneration]) -> list[LexicalIndex]:
    """Those of the generations, each once."""
    return list(dict.fromkeys(LexicalIndex(g.knowledge_base_id, g.chunking_key) for g in generations))


_MEETING = """
    SELECT c.id, r.place
    FROM unnest(%(lexical_chunk_ids)s::bigint[]) WITH ORDINALITY AS r (chunk_id, place)
    JOIN documents_chunk c ON c.id = r.chunk_id
    JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE {condition}
    ORDER BY r.place
    LIMIT %(lexical_limit)s
"""

_ALLOWED = """
    SELECT c.id
    FROM documents_document d
    JOIN documents_chunk c ON c.version_id = d.current_version_id
    WHERE (d.knowledge_base_id, c.chunking_key)
              IN (SELECT * FROM unnest(%(lexical_knowledge_bases)s::uuid[], %(lexical_keys)s::text[])) AND {condition}
    LIMIT %(lexical_most)s
"""
