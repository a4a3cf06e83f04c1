"""Lexical search: the chunks that score best for a question's terms by BM25, of those that meet a condition.

Several knowledge bases are searched as if they were one: how rare a term is and how long a chunk is on average are told of
all of them together, so that their scores can be compared.

The segments' postings are read in one statement, hence at one moment, and every chunk is scored exactly; a second statement
takes the best of the most promising ones that meet the condition. When too few of them do, it is given more, and in the end
all: no condition starves a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.documents.rights.access import AccessScope
from apps.documents.rights.reading import reading_as
from apps.retrieval.index.lexical.analysis import terms_of_question
from apps.retrieval.index.lexical.bm25 import SegmentPostings, bm25_scores
from apps.retrieval.index.lexical.remembering import SegmentMemory
from apps.retrieval.index.lexical.segments import Postings, StoredPostings, postings_read
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.conditions import Condition
from apps.retrieval.search.hits import Hit
from ragsite.core.database import rows_in_binary

MOST_TERMS = 256
"""Different terms of a question that are looked up, the first ones."""

FIRST, SECOND, FOR_EACH = 200, 5_000, 4
"""Candidates that are tried first, and next, each with so many more for each hit that is asked for; then all others."""

SELECTIVE = 10_000
"""Of more candidates than these, those that meet the condition are taken first, if they are no more."""

_Indexes = list[tuple[UUID, str]]
"""Knowledge bases, each with the key of the chunking whose index is searched."""

_memory = SegmentMemory(most_bytes=64 << 20)


class LexicalPlan(StrEnum):
    """Whether the most promising candidates were enough."""

    PRUNED = "pruned"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment's chunk ids (n,), and what it holds of a question."""

    chunk_ids: NDArray[np.int64]
    held: SegmentPostings


@dataclass(frozen=True, slots=True)
class Candidates:
    """Chunks that have a term of the question: ids (n,) and scores (n,)."""

    chunk_ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> Candidates:
        return Candidates(self.chunk_ids[kept], self.scores[kept])

    def best_first(self) -> Candidates:
        """The same, those of equal score in the order of their ids."""
        order = np.lexsort((self.chunk_ids, -self.scores))
        return Candidates(self.chunk_ids[order], self.scores[order])

    def scores_of(self, chunk_ids: Collection[int]) -> dict[int, float]:
        """The scores of those of the given chunks that have a term of the question."""
        kept = np.isin(self.chunk_ids, np.fromiter(chunk_ids, np.int64, len(chunk_ids)))
        return dict(zip(self.chunk_ids[kept].tolist(), self.scores[kept].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class LexicalResult:
    """Chunks, best first, how they were found, and all that have a term of the question, seen or not."""

    hits: tuple[Hit, ...]
    plan: LexicalPlan
    candidates: Candidates


def lexical_search(
    condition: Condition, *, scope: AccessScope, generations: Sequence[IndexGeneration], text: str, limit: int
) -> LexicalResult:
    """The `limit` chunks of the generations that have terms of `text`, meet the condition and score best.

    Chunks of equal score are in the order of their ids. The condition has the scope's own; all is read as the scope says,
    so that a condition without it finds nothing more.
    """
    indexes = _indexes(generations)
    if not indexes:
        return LexicalResult((), LexicalPlan.PRUNED, Candidates(np.empty(0, np.int64), np.empty(0)))
    with reading_as(scope):
        return _search(condition, indexes, text, limit)


def _search(condition: Condition, indexes: _Indexes, text: str, limit: int) -> LexicalResult:
    hits: list[Hit] = []
    plan = LexicalPlan.PRUNED
    candidates = _candidates(indexes, text)
    for number, window in enumerate(_windows(candidates, limit)):
        plan = LexicalPlan.FULL if number else LexicalPlan.PRUNED
        promising = window if len(window.scores) <= SELECTIVE else _narrowed(window, condition, indexes)
        hits += _meeting(condition, promising, limit - len(hits))
        if len(hits) >= limit:
            break
    return LexicalResult(tuple(hits), plan, candidates)


def _windows(candidates: Candidates, limit: int) -> Iterator[Candidates]:
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


def _meeting(condition: Condition, candidates: Candidates, limit: int) -> list[Hit]:
    """The best of the candidates that meet the condition."""
    ordered = candidates.best_first()
    # Thousands of ids as one literal: an array of parameters would take longer to send than to search.
    chunk_ids = f"{{{','.join(map(str, ordered.chunk_ids.tolist()))}}}"
    with connection.cursor() as cursor:
        statement = _MEETING.format(condition=condition.sql)
        cursor.execute(statement, condition.parameters | {"lexical_chunk_ids": chunk_ids, "lexical_limit": limit})
        return [Hit(chunk_id, float(ordered.scores[place - 1])) for chunk_id, place in cursor.fetchall()]


def _narrowed(candidates: Candidates, condition: Condition, indexes: _Indexes) -> Candidates:
    """Those of many candidates that meet the condition, if few chunks do; else all of them."""
    allowed = _allowed(condition, indexes)
    return candidates if allowed is None else candidates.where(np.isin(candidates.chunk_ids, allowed))


def _allowed(condition: Condition, indexes: _Indexes) -> NDArray[np.int64] | None:
    """The ids of all the indexes' chunks that meet the condition; None when they are more than SELECTIVE."""
    parameters = condition.parameters | _named(indexes) | {"lexical_most": SELECTIVE + 1}
    with connection.cursor() as cursor:
        cursor.execute(_ALLOWED.format(condition=condition.sql), parameters)
        found = np.array([chunk_id for (chunk_id,) in cursor.fetchall()], dtype=np.int64)
    return None if len(found) > SELECTIVE else found


def _candidates(indexes: _Indexes, text: str) -> Candidates:
    languages = _languages(indexes)
    terms = terms_of_question(text, languages=languages) if languages else []
    sought = frozenset(list(dict.fromkeys(terms))[:MOST_TERMS])
    segments = _segments(indexes, sought) if sought else []
    scored = bm25_scores((term for term in terms if term in sought), [segment.held for segment in segments])
    scores = np.concatenate([np.empty(0), *scored])
    found = np.flatnonzero(scores)
    chunk_ids = np.concatenate([np.empty(0, np.int64), *(segment.chunk_ids for segment in segments)])
    return Candidates(chunk_ids[found], scores[found])


def _segments(indexes: _Indexes, terms: Collection[str]) -> list[_Segment]:
    """All segments of the indexes, with the postings of the terms."""
    known = {pk: chunk_ids for index in indexes for pk, chunk_ids in _memory.recall(index).items()}
    rows = rows_in_binary(_POSTINGS, _named(indexes) | {"lexical_terms": list(terms), "lexical_known": list(known)})
    postings: dict[int, dict[str, Postings]] = defaultdict(dict)
    for _, segment, term, ordinals, frequencies in rows:
        if term is not None:
            postings[segment][term] = postings_read(StoredPostings(term, ordinals, frequencies))
    segments, chunk_ids = [], [dict[int, NDArray[np.int64]]() for _ in indexes]
    for place, segment, term, ids, lengths in rows:
        if term is None:
            of_segment = known[segment] if ids is None else np.frombuffer(ids, "<i8")
            chunk_ids[place - 1][segment] = of_segment
            held = SegmentPostings(np.frombuffer(lengths, "<u2"), postings[segment])
            segments.append(_Segment(of_segment, held))
    for index, of_index in zip(indexes, chunk_ids, strict=True):
        _memory.remember(index, of_index)
    return segments


def _languages(indexes: _Indexes) -> list[str]:
    """The languages of the indexes' chunks, the most common first."""
    with connection.cursor() as cursor:
        cursor.execute(_LANGUAGES, _named(indexes))
        return [language for (language,) in cursor.fetchall()]


def _indexes(generations: Sequence[IndexGeneration]) -> _Indexes:
    return list(dict.fromkeys((generation.knowledge_base_id, generation.chunking_key) for generation in generations))


def _named(indexes: _Indexes) -> dict[str, Any]:
    """Parameters; their names are our own, as a condition may bring any others."""
    return {
        "lexical_knowledge_bases": [knowledge_base_id for knowledge_base_id, _ in indexes],
        "lexical_keys": [chunking_key for _, chunking_key in indexes],
    }


_LANGUAGES = """
    SELECT l.language
    FROM unnest(%(lexical_knowledge_bases)s::uuid[], %(lexical_keys)s::text[]) AS i (knowledge_base_id, chunking_key)
    JOIN retrieval_lexicalsegment s USING (knowledge_base_id, chunking_key),
         jsonb_each_text(s.languages) AS l (language, chunks)
    GROUP BY l.language ORDER BY sum(l.chunks::bigint) DESC, l.language
"""

_POSTINGS = """
    WITH indexes AS (
        SELECT knowledge_base_id, chunking_key, place
        FROM unnest(%(lexical_knowledge_bases)s::uuid[], %(lexical_keys)s::text[])
            WITH ORDINALITY AS i (knowledge_base_id, chunking_key, place)
    )
    SELECT i.place, s.id, NULL, CASE WHEN s.id <> ALL(%(lexical_known)s::bigint[]) THEN s.chunk_ids END, s.lengths
    FROM indexes i JOIN retrieval_lexicalsegment s USING (knowledge_base_id, chunking_key)
    UNION ALL
    SELECT i.place, p.segment_id, p.term, p.ordinals, p.frequencies
    FROM indexes i,
         LATERAL ragsite_lexical_postings(i.knowledge_base_id, i.chunking_key, %(lexical_terms)s::text[]) p
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
    WHERE (d.knowledge_base_id, c.chunking_key)
              IN (SELECT * FROM unnest(%(lexical_knowledge_bases)s::uuid[], %(lexical_keys)s::text[])) AND {condition}
    LIMIT %(lexical_most)s
"""
