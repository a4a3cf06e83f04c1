"""Reading the lexical index: which chunks have a question's terms, and how well they score by BM25.

Several indexes are read as if they were one: how rare a term is and how long a chunk is on average are computed over all of them
together, so that their scores can be compared. The segments' postings are read in one statement, so at one moment, and
every chunk is scored exactly.

Only chunks of documents that the reader may see are counted, and no others come out: a score, an order or a plan must not tell
what the others say. See ADR 31.

BM25 as Robertson and Zaragoza (2009) have it, with Lucene's idf, which is never negative:

    score(q, c) = sum over the terms t of q: idf(t) * f / (f + K1 * (1 - B + B * length / average length))
    idf(t)      = ln(1 + (N - n + 0.5) / (n + 0.5)), n of N chunks having the term

A term that stands twice in the question counts twice. N, n and the average length are those of the chunks that are counted, so
scores follow every chunk that comes and goes.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.retrieval.index.lexical.analysis import ANALYSIS, terms_of_question
from apps.retrieval.index.lexical.segments import LexicalIndex, Postings, StoredPostings, postings_read
from ragsite.core.database import rows_in_binary

MOST_TERMS = 256
"""Different terms of a question that are looked up, the first ones."""

MOST_READINGS = 3
"""The terms are those of the languages that are found in what was read last; so it may have to be read again."""


K1 = 0.9
B = 0.4
"""The values of Anserini's baselines; those we publish figures for."""


@dataclass(frozen=True, slots=True)
class SegmentPostings:
    """What a segment holds of a question: the lengths of all its chunks (n,), and the postings of the question's terms.

    `counted` (n,) says which chunks count, None that all do; the postings are of these alone.
    """

    lengths: NDArray[np.uint16]
    postings: Mapping[str, Postings]
    counted: NDArray[np.bool_] | None = None

    @property
    def chunks(self) -> int:
        return len(self.lengths) if self.counted is None else int(np.count_nonzero(self.counted))

    @property
    def terms(self) -> int:
        """The length of all its chunks together."""
        return int(self.lengths.sum(dtype=np.int64, where=True if self.counted is None else self.counted))


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """How many of so many chunks have each term of a question, and the languages of the chunks, the most common first."""

    chunks: int = 0
    having: Mapping[str, int] = field(default_factory=dict)
    languages: tuple[str, ...] = ()

    def idf(self, term: str) -> float:
        """How rare the term is."""
        return _idf(self.chunks, self.having.get(term, 0))


NO_STATISTICS = TermStatistics()


def term_statistics(terms: Iterable[str], segments: Sequence[SegmentPostings]) -> TermStatistics:
    """Those of the terms over all segments together."""
    having = {term: sum(len(s.postings[term].ordinals) for s in segments if term in s.postings) for term in set(terms)}
    return TermStatistics(sum(segment.chunks for segment in segments), having)


def bm25_scores(
    terms: Iterable[str], segments: Sequence[SegmentPostings], statistics: TermStatistics | None = None
) -> list[NDArray[np.float64]]:
    """The score of every chunk (n,) of each segment; 0 where it has none of the terms, or does not count."""
    times = Counter(terms)
    counted = statistics or term_statistics(times, segments)
    total = sum(segment.terms for segment in segments)
    weights = {term: times[term] * counted.idf(term) for term in times}
    return [_scores(weights, segment, average=max(total, 1) / max(counted.chunks, 1)) for segment in segments]


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


@dataclass(frozen=True, slots=True)
class SegmentChunks:
    """A segment's chunks by ordinal, their ids and lengths (n,), how many are in each language, and which analysis its terms are
    of.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.uint16]
    languages: Mapping[str, int]
    analysis: int = ANALYSIS

    @property
    def nbytes(self) -> int:
        return self.ids.nbytes + self.lengths.nbytes


class SegmentMemory:
    """Chunks of the indexes searched last, within `most_bytes`. Segments never change, so nothing in it is ever stale."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._indexes: OrderedDict[Hashable, Mapping[int, SegmentChunks]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, index: Hashable) -> Mapping[int, SegmentChunks]:
        """What is known of an index's segments, by their ids; empty where nothing is."""
        with self._lock:
            return self._indexes.get(index, {})

    def remember(self, index: Hashable, segments: Mapping[int, SegmentChunks]) -> None:
        """Remember these segments of an index, and none that it had before; forget indexes not searched for longest."""
        with self._lock:
            self._indexes[index] = segments
            self._indexes.move_to_end(index)
            while self._bytes() > self._most_bytes:
                self._indexes.popitem(last=False)

    def _bytes(self) -> int:
        return sum(chunks.nbytes for segments in self._indexes.values() for chunks in segments.values())


_memory = SegmentMemory(most_bytes=64 << 20)


@dataclass(frozen=True, slots=True)
class ScoredChunks:
    """Chunks that have a term of a question: ids (n,) and scores (n,); and how rare its terms are."""

    chunk_ids: NDArray[np.int64]
    scores: NDArray[np.float64]
    statistics: TermStatistics = NO_STATISTICS

    def where(self, kept: NDArray[np.bool_]) -> ScoredChunks:
        return ScoredChunks(self.chunk_ids[kept], self.scores[kept], self.statistics)

    def best_first(self) -> ScoredChunks:
        """The same, those of equal score in the order of their ids."""
        order = np.lexsort((self.chunk_ids, -self.scores))
        return ScoredChunks(self.chunk_ids[order], self.scores[order], self.statistics)

    def scores_of(self, chunk_ids: Collection[int]) -> dict[int, float]:
        """The scores of those of the given chunks that have a term of the question."""
        kept = np.isin(self.chunk_ids, np.fromiter(chunk_ids, np.int64, len(chunk_ids)))
        return dict(zip(self.chunk_ids[kept].tolist(), self.scores[kept].tolist(), strict=True))


NOTHING_SCORED = ScoredChunks(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True)
class _Reading:
    """The segments of indexes at one moment, what each holds of the terms asked for, and how what counts was analysed."""

    segments: tuple[tuple[SegmentChunks, SegmentPostings], ...]
    analysed: _Analysed


@dataclass(frozen=True, slots=True)
class _Analysed:
    """The languages, the most common first, and the analyses that a question's terms have to be of."""

    languages: tuple[str, ...]
    analyses: tuple[int, ...]

    @classmethod
    def of(cls, spoken: Mapping[str, int], segments: Iterable[SegmentChunks]) -> _Analysed:
        """As the chunks that count are spoken, and as the segments were analysed."""
        analyses = {ANALYSIS}.union(chunks.analysis for chunks in segments)
        return cls(_by_commonness(spoken), tuple(sorted(analyses)))

    def terms(self, text: str) -> list[str]:
        """Those of a question; none where nothing is spoken."""
        if not self.languages:
            return []
        return terms_of_question(text, languages=self.languages, analyses=self.analyses)


def lexical_score(indexes: Sequence[LexicalIndex], text: str) -> ScoredChunks:
    """All chunks of the indexes that have a term of the question and that the reader may see, in a block of `reading_as`."""
    known = [chunks for index in indexes for chunks in _memory.recall(index).values()]
    analysed = _Analysed.of(_spoken(known), known)
    for _ in range(MOST_READINGS):
        terms = analysed.terms(text)
        sought = frozenset(list(dict.fromkeys(terms))[:MOST_TERMS])
        reading = _read(indexes, sought)
        if reading.analysed == analysed:
            break
        analysed = reading.analysed
    return _scored([term for term in terms if term in sought], reading)


def _scored(terms: Sequence[str], reading: _Reading) -> ScoredChunks:
    held = [postings for _, postings in reading.segments]
    statistics = replace(term_statistics(terms, held), languages=reading.analysed.languages)
    scored = bm25_scores(terms, held, statistics)
    scores = np.concatenate([np.empty(0), *scored])
    found = np.flatnonzero(scores)
    chunk_ids = np.concatenate([np.empty(0, np.int64), *(chunks.ids for chunks, _ in reading.segments)])
    return ScoredChunks(chunk_ids[found], scores[found], statistics)


def index_parameters(indexes: Sequence[LexicalIndex]) -> dict[str, Any]:
    """The indexes as parameters of a statement; their names are our own, as a condition may bring any others."""
    return {
        "lexical_knowledge_bases": [index.knowledge_base_id for index in indexes],
        "lexical_keys": [index.chunking_key for index in indexes],
    }


def _read(indexes: Sequence[LexicalIndex], terms: Collection[str]) -> _Reading:
    """All segments of the indexes, with the postings of the terms."""
    known = {pk: chunks for index in indexes for pk, chunks in _memory.recall(index).items()}
    rows = _Rows(
        rows_in_binary(
            _POSTINGS, index_parameters(indexes) | {"lexical_terms": list(terms), "lexical_known": list(known)}
        )
    )
    spoken: Counter[str] = Counter()
    segments, of_index = [], [dict[int, SegmentChunks]() for _ in indexes]
    for place, pk, ids, lengths, languages, is_whole, analysis in rows.segments:
        chunks = known[pk] if ids is None else SegmentChunks(*_arrays(ids, lengths), json.loads(languages), analysis)
        of_index[place - 1][pk] = chunks
        ranges = rows.ranges[pk]
        segments.append((chunks, _held(chunks, rows.postings[pk], [found for _, found in ranges], is_whole=is_whole)))
        spoken.update(chunks.languages if is_whole else {})
        for language, of_language in ranges:
            spoken[language] += int(of_language[:, 1].sum()) * (-1 if is_whole else 1)
    for index, remembered in zip(indexes, of_index, strict=True):
        _memory.remember(index, remembered)
    return _Reading(tuple(segments), _Analysed.of(spoken, (chunks for chunks, _ in segments)))


def _arrays(ids: bytes, lengths: bytes) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    return np.frombuffer(ids, "<i8"), np.frombuffer(lengths, "<u2")


class _Rows:
    """The rows of the statement by what they tell: of segments, of a segment's postings, and of ranges of its chunks.

    Ranges (n, 2) are the ordinal at which each begins and how many chunks it has, those of one language together.
    """

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self.segments: list[tuple[Any, ...]] = []
        self.postings: dict[int, dict[str, Postings]] = defaultdict(dict)
        self.ranges: dict[int, list[tuple[str, NDArray[np.int32]]]] = defaultdict(list)
        for kind, place, segment, name, some, others, is_whole, analysis in rows:
            if kind == _SEGMENT:
                self.segments.append((place, segment, some, others, name, is_whole, analysis))
            elif kind == _POSTING:
                self.postings[segment][name] = postings_read(StoredPostings(name, some, others))
            else:
                self.ranges[segment].append((name, np.frombuffer(some, ">i4").reshape(-1, 2)))


def _held(
    chunks: SegmentChunks, postings: Mapping[str, Postings], ranges: Sequence[NDArray[np.int32]], *, is_whole: bool
) -> SegmentPostings:
    """What a segment holds: of one that is whole all counts but the ranges, of another one the ranges alone."""
    if is_whole and not ranges:
        return SegmentPostings(chunks.lengths, postings)
    counted = _inside(ranges, len(chunks.ids)) ^ is_whole
    return SegmentPostings(chunks.lengths, {term: _of(counted, found) for term, found in postings.items()}, counted)


def _inside(ranges: Sequence[NDArray[np.int32]], chunks: int) -> NDArray[np.bool_]:
    """Which of so many chunks lie in one of the ranges, of which none overlap."""
    borders = np.zeros(chunks + 1, np.int8)
    for of_language in ranges:
        borders[of_language[:, 0]] += 1
        borders[of_language.sum(axis=1)] -= 1
    return borders[:-1].cumsum(dtype=np.int8).astype(bool)


def _of(counted: NDArray[np.bool_], found: Postings) -> Postings:
    kept = counted[found.ordinals]
    return Postings(found.ordinals[kept], found.frequencies[kept])


def _spoken(segments: Iterable[SegmentChunks]) -> Counter[str]:
    """How many chunks of the segments are in each language."""
    spoken: Counter[str] = Counter()
    for chunks in segments:
        spoken.update(chunks.languages)
    return spoken


def _by_commonness(spoken: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted((language for language in spoken if spoken[language] > 0), key=lambda one: (-spoken[one], one)))


_SEGMENT, _POSTING = "segment", "posting"

# Rows of three kinds: of segments, of postings, of ranges. One of a segment has the arrays of its chunks and its languages where
# they are not known, and whether its knowledge base is read as a whole.
_POSTINGS = """
    WITH indexes AS (
        SELECT knowledge_base_id, chunking_key, place
        FROM unnest(%(lexical_knowledge_bases)s::uuid[], %(lexical_keys)s::text[])
            WITH ORDINALITY AS i (knowledge_base_id, chunking_key, place)
    ), segments AS (
        SELECT i.place, s.*, s.id <> ALL(%(lexical_known)s::bigint[]) AS is_new
        FROM indexes i JOIN retrieval_lexicalsegment s USING (knowledge_base_id, chunking_key)
    )
    SELECT 'segment', place, id, CASE WHEN is_new THEN languages::text END,
           CASE WHEN is_new THEN chunk_ids END, CASE WHEN is_new THEN lengths END,
           knowledge_base_id = ANY(coalesce(nullif(current_setting('ragsite.knowledge_bases', true), ''), '{}')::uuid[]),
           analysis
    FROM segments
    UNION ALL
    SELECT 'posting', i.place, p.segment_id, p.term, p.ordinals, p.frequencies, NULL, NULL
    FROM indexes i,
         LATERAL ragsite_lexical_postings(i.knowledge_base_id, i.chunking_key, %(lexical_terms)s::text[]) p
    UNION ALL
    SELECT 'ranges', i.place, r.segment_id, r.language, r.ranges, NULL, NULL, NULL
    FROM indexes i, LATERAL ragsite_lexical_ranges(i.knowledge_base_id, i.chunking_key) r
"""
