"""BM25 over the postings of segments. Robertson and Zaragoza (2009); idf as Lucene has it, which is never negative.

    score(q, c) = sum over the terms t of q: idf(t) * f / (f + K1 * (1 - B + B * length / average length))
    idf(t)      = ln(1 + (N - n + 0.5) / (n + 0.5)), n of N chunks having the term

A term that stands twice in the question counts twice. N, n and the average length are those of the segments given, so
scores follow every chunk that comes and goes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.retrieval.index.lexical.segments import Postings

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
