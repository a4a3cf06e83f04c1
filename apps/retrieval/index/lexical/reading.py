"""Reading the lexical index: which chunks have a question's terms, and how well they score by BM25.

Several indexes are read as if they were one: how rare a term is and how long a chunk is on average are computed over all of them
together, so that their scores can be compared. The segments' postings are read in one statement, so at one moment, and
every chunk is scored exactly.

BM25 as Robertson and Zaragoza (2009) have it, with Lucene's idf, which is never negative:

    score(q, c) = sum over the terms t of q: idf(t) * f / (f + K1 * (1 - B + B * length / average length))
    idf(t)      = ln(1 + (N - n + 0.5) / (n + 0.5)), n of N chunks having the term

A term that stands twice in the question counts twice. N, n and the average length are those of the segments given, so
scores follow every chunk that comes and goes.
"""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.retrieval.index.lexical.analysis import terms_of_question
from apps.retrieval.index.lexical.segments import LexicalIndex, Postings, StoredPostings, postings_read
from ragsite.core.database import rows_in_binary

MOST_TERMS = 256
"""Different terms of a question that are looked up, the first ones."""


K1 = 0.9
B = 0.4
"""The values of Anserini's baselines; those we publish figures for."""


@dataclass(frozen=True, slots=True)
class SegmentPostings:
    """What a segment holds of a question: the lengths of all its chunks (n,), and the postings of the question's terms."""

    lengths: NDArray[np.uint16]
    postings: Mapping[str, Postings]


def bm25_scores(terms: Iterable[str], segments: Sequence[SegmentPostings]) -> list[NDArray[np.float64]]:
    """The score of every chunk (n,) of each segment; 0 where it has none of the terms."""
    chunks = sum(len(segment.lengths) for segment in segments)
    total = sum(int(segment.lengths.sum(dtype=np.int64)) for segment in segments)
    weights = {
        term: times * _idf(chunks, sum(len(s.postings[term].ordinals) for s in segments if term in s.postings))
        for term, times in Counter(terms).items()
    }
    return [_scores(weights, segment, average=total / max(chunks, 1)) for segment in segments]


def _scores(weights: Mapping[str, float], segment: SegmentPostings, *, average: float) -> NDArray[np.float64]:
    scores = np.zeros(len(segment.lengths))
    norms = K1 * (1 - B + B / average * segment.lengths)
    for term, found in segment.postings.items():
        # A chunk stands once in the postings of a term, so that adding by index loses nothing.
        ordinals = found.ordinals.astype(np.intp)
        scores[ordinals] += weights[term] * found.frequencies / (found.frequencies + norms[ordinals])
    return scores


def _idf(chunks: int, having: int) -> float:
    return math.log1p((chunks - having + 0.5) / (having + 0.5))


ChunkIds = Mapping[int, NDArray[np.int64]]
"""The chunk ids (n,) of segments, by segment."""


class SegmentMemory:
    """Chunk ids of the indexes searched last, within `most_bytes`. Segments never change, so nothing in it is ever stale."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._indexes: OrderedDict[Hashable, ChunkIds] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, index: Hashable) -> ChunkIds:
        """What is known of an index; empty where nothing is."""
        with self._lock:
            return self._indexes.get(index, {})

    def remember(self, index: Hashable, chunk_ids: ChunkIds) -> None:
        """Remember these segments of an index, and none that it had before; forget indexes not searched for longest."""
        with self._lock:
            self._indexes[index] = chunk_ids
            self._indexes.move_to_end(index)
            while self._bytes() > self._most_bytes:
                self._indexes.popitem(last=False)

    def _bytes(self) -> int:
        return sum(ids.nbytes for chunk_ids in self._indexes.values() for ids in chunk_ids.values())


_memory = SegmentMemory(most_bytes=64 << 20)


@dataclass(frozen=True, slots=True)
class ScoredChunks:
    """Chunks that have a term of a question: ids (n,) and scores (n,)."""

    chunk_ids: NDArray[np.int64]
    scores: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> ScoredChunks:
        return ScoredChunks(self.chunk_ids[kept], self.scores[kept])

    def best_first(self) -> ScoredChunks:
        """The same, those of equal score in the order of their ids."""
        order = np.lexsort((self.chunk_ids, -self.scores))
        return ScoredChunks(self.chunk_ids[order], self.scores[order])

    def scores_of(self, chunk_ids: Collection[int]) -> dict[int, float]:
        """The scores of those of the given chunks that have a term of the question."""
        kept = np.isin(self.chunk_ids, np.fromiter(chunk_ids, np.int64, len(chunk_ids)))
        return dict(zip(self.chunk_ids[kept].tolist(), self.scores[kept].tolist(), strict=True))


NOTHING_SCORED = ScoredChunks(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment's chunk ids (n,), and what it holds of a question."""

    chunk_ids: NDArray[np.int64]
    held: SegmentPostings


def lexical_score(indexes: Sequence[LexicalIndex], text: str) -> ScoredChunks:
    """All chunks of the indexes that have a term of the question; within what the caller may read."""
    languages = _languages(indexes)
    terms = terms_of_question(text, languages=languages) if languages else []
    sought = frozenset(list(dict.fromkeys(terms))[:MOST_TERMS])
    segments = _segments(indexes, sought) if sought else []
    scored = bm25_scores((term for term in terms if term in sought), [segment.held for segment in segments])
    scores = np.concatenate([np.empty(0), *scored])
    found = np.flatnonzero(scores)
    chunk_ids = np.concatenate([np.empty(0, np.int64), *(segment.chunk_ids for segment in segments)])
    return ScoredChunks(chunk_ids[found], scores[found])


def index_parameters(indexes: Sequence[LexicalIndex]) -> dict[str, Any]:
    """The indexes as parameters of a statement; their names are our own, as a condition may bring any others."""
    return {
        "lexical_knowledge_bases": [index.knowledge_base_id for index in indexes],
        "lexical_keys": [index.chunking_key for index in indexes],
    }


def _segments(indexes: Sequence[LexicalIndex], terms: Collection[str]) -> list[_Segment]:
    """All segments of the indexes, with the postings of the terms."""
    known = {pk: chunk_ids for index in indexes for pk, chunk_ids in _memory.recall(index).items()}
    rows = rows_in_binary(
        _POSTINGS, index_parameters(indexes) | {"lexical_terms": list(terms), "lexical_known": list(known)}
    )
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


def _languages(indexes: Sequence[LexicalIndex]) -> list[str]:
    """The languages of the indexes' chunks, the most common first."""
    with connection.cursor() as cursor:
        cursor.execute(_LANGUAGES, index_parameters(indexes))
        return [language for (language,) in cursor.fetchall()]


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
