"""Lexical search: the chunks that score best for a question's terms by BM25, of those that meet a condition.

The segments' postings are read in one statement, hence at one moment, and every chunk is scored exactly; a second statement
takes the best of the most promising ones that meet the condition. When too few of them do, it is given more, and in the end
all: no condition starves a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.documents.access import AccessScope
from apps.documents.reading import reading_as
from apps.retrieval.lexical.analysis import terms_of_question
from apps.retrieval.lexical.bm25 import SegmentPostings, bm25_scores
from apps.retrieval.lexical.remembering import SegmentMemory
from apps.retrieval.lexical.segments import Postings, StoredPostings, postings_read
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.conditions import Condition
from ragsite.core.database import rows_in_binary

MOST_TERMS = 256
"""Different terms of a question that are looked up, the first ones."""

FIRST, SECOND, FOR_EACH = 200, 5_000, 4
"""Candidates that are tried first, and next, each with so many more for each hit that is asked for; then all others."""

SELECTIVE = 10_000
"""Of more candidates than these, those that meet the condition are taken first, if they are no more."""

_memory = SegmentMemory(most_bytes=64 << 20)


class LexicalPlan(StrEnum):
    """Whether the most promising candidates were enough."""

    PRUNED = "pruned"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class LexicalHit:
    """A chunk and its BM25 score."""

    chunk_id: int
    score: float


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Chunks of one generation, best first, and how they were found."""

    hits: tuple[LexicalHit, ...]
    plan: LexicalPlan


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment's chunk ids (n,), and what it holds of a question."""

    chunk_ids: NDArray[np.int64]
    held: SegmentPostings


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Chunks that have a term of the question: ids (n,) and scores (n,)."""

    chunk_ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> _Candidates:
        return _Candidates(self.chunk_ids[kept], self.scores[kept])

    def best_first(self) -> _Candidates:
        """The same, those of equal score in the order of their ids."""
        order = np.lexsort((self.chunk_ids, -self.scores))
        return _Candidates(self.chunk_ids[order], self.scores[order])


def lexical_search(
    condition: Condition, *, scope: AccessScope, generation: IndexGeneration, text: str, limit: int
) -> LexicalResult:
    """The `limit` chunks of one generation that have terms of `text`, meet the condition and score best.

    Chunks of equal score are in the order of their ids. The condition has the scope's own; all is read as the scope says,
    so that a condition without it finds nothing more.
    """
    with reading_as(scope):
        return _search(condition, generation, text, limit)


def _search(condition: Condition, generation: IndexGeneration, text: str, limit: int) -> LexicalResult:
    hits: list[LexicalHit] = []
    plan = LexicalPlan.PRUNED
    for number, window in enumerate(_windows(_candidates(generation, text), limit)):
        plan = LexicalPlan.FULL if number else LexicalPlan.PRUNED
        promising = window if len(window.scores) <= SELECTIVE else _narrowed(window, condition, generation)
        hits += _meeting(condition, promising, limit - len(hits))
        if len(hits) >= limit:
            break
    return LexicalResult(tuple(hits), plan)


def _windows(candidates: _Candidates, limit: int) -> Iterator[_Candidates]:
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


def _meeting(condition: Condition, candidates: _Candidates, limit: int) -> list[LexicalHit]:
    """The best of the candidates that meet the condition."""
    ordered = candidates.best_first()
    # Thousands of ids as one literal: an array of parameters would take longer to send than to search.
    chunk_ids = f"{{{','.join(map(str, ordered.chunk_ids.tolist()))}}}"
    with connection.cursor() as cursor:
        statement = _MEETING.format(condition=condition.sql)
        cursor.execute(statement, condition.parameters | {"lexical_chunk_ids": chunk_ids, "lexical_limit": limit})
        return [LexicalHit(chunk_id, float(ordered.scores[place - 1])) for chunk_id, place in cursor.fetchall()]


def _narrowed(candidates: _Candidates, condition: Condition, generation: IndexGeneration) -> _Candidates:
    """Those of many candidates that meet the condition, if few chunks do; else all of them."""
    allowed = _allowed(condition, generation)
    return candidates if allowed is None else candidates.where(np.isin(candidates.chunk_ids, allowed))


def _allowed(condition: Condition, generation: IndexGeneration) -> NDArray[np.int64] | None:
    """The ids of all the generation's chunks that meet the condition; None when they are more than SELECTIVE."""
    parameters = condition.parameters | _index(generation) | {"lexical_most": SELECTIVE + 1}
    with connection.cursor() as cursor:
        cursor.execute(_ALLOWED.format(condition=condition.sql), parameters)
        found = np.array([chunk_id for (chunk_id,) in cursor.fetchall()], dtype=np.int64)
    return None if len(found) > SELECTIVE else found


def _candidates(generation: IndexGeneration, text: str) -> _Candidates:
    languages = _languages(generation)
    terms = terms_of_question(text, languages=languages) if languages else []
    sought = frozenset(list(dict.fromkeys(terms))[:MOST_TERMS])
    segments = _segments(generation, sought) if sought else []
    scored = bm25_scores((term for term in terms if term in sought), [segment.held for segment in segments])
    scores = np.concatenate([np.empty(0), *scored])
    found = np.flatnonzero(scores)
    chunk_ids = np.concatenate([np.empty(0, np.int64), *(segment.chunk_ids for segment in segments)])
    return _Candidates(chunk_ids[found], scores[found])


def _segments(generation: IndexGeneration, terms: Collection[str]) -> list[_Segment]:
    """All segments of the generation's index, with the postings of the terms."""
    index = generation.knowledge_base_id, generation.chunking_key
    known = _memory.recall(index)
    rows = rows_in_binary(_POSTINGS, _index(generation) | {"lexical_terms": list(terms), "lexical_known": list(known)})
    postings: dict[int, dict[str, Postings]] = defaultdict(dict)
    for segment, term, ordinals, frequencies in rows:
        if term is not None:
            postings[segment][term] = postings_read(StoredPostings(term, ordinals, frequencies))
    heads = {segment: (chunk_ids, lengths) for segment, term, chunk_ids, lengths in rows if term is None}
    chunk_ids = {pk: known[pk] if ids is None else np.frombuffer(ids, "<i8") for pk, (ids, _) in heads.items()}
    _memory.remember(index, chunk_ids)
    return [
        _Segment(chunk_ids[pk], SegmentPostings(np.frombuffer(lengths, "<u2"), postings[pk]))
        for pk, (_, lengths) in heads.items()
    ]


def _languages(generation: IndexGeneration) -> list[str]:
    """The languages of the generation's chunks, the most common first."""
    with connection.cursor() as cursor:
        cursor.execute(_LANGUAGES, _index(generation))
        return [language for (language,) in cursor.fetchall()]


def _index(generation: IndexGeneration) -> dict[str, Any]:
    """Parameters; their names are our own, as a condition may bring any others."""
    return {"lexical_knowledge_base": generation.knowledge_base_id, "lexical_key": generation.chunking_key}


_LANGUAGES = """
    SELECT l.language FROM retrieval_lexicalsegment s, jsonb_each_text(s.languages) AS l (language, chunks)
    WHERE s.knowledge_base_id = %(lexical_knowledge_base)s AND s.chunking_key = %(lexical_key)s
    GROUP BY l.language ORDER BY sum(l.chunks::bigint) DESC, l.language
"""

_POSTINGS = """
    SELECT id, NULL, CASE WHEN id <> ALL(%(lexical_known)s::bigint[]) THEN chunk_ids END, lengths FROM retrieval_lexicalsegment
    WHERE knowledge_base_id = %(lexical_knowledge_base)s AND chunking_key = %(lexical_key)s
    UNION ALL
    SELECT p.segment_id, p.term, p.ordinals, p.frequencies
    FROM ragsite_lexical_postings(%(lexical_knowledge_base)s, %(lexical_key)s, %(lexical_terms)s::text[]) p
"""

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
    WHERE d.knowledge_base_id = %(lexical_knowledge_base)s AND c.chunking_key = %(lexical_key)s AND {condition}
    LIMIT %(lexical_most)s
"""
