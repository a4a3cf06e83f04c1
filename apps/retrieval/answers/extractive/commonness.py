"""How much a word tells: rare ones tell most. Pure.

What is rare among a few dozen chunks may be a common word: that "use" stands nowhere in a price list says nothing about bolts. So
the chunks that were searched are counted together with BACKGROUND others, of which `common_terms.txt` says how many have
each of the terms that are common in English; `benchmarks.answers.training` made it, and says from what.

    weight(t) = idf(t) / idf of a term that stands nowhere,   idf as BM25 has it, over both
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from apps.retrieval.index.lexical.reading import TermStatistics

FILE = Path(__file__).with_name("common_terms.txt")
BACKGROUND = 2_000
UNLISTED = 2
"""Of the background, the chunks that have a term which is not listed."""


def weight_of(term: str, statistics: TermStatistics) -> float:
    """From 0, of a term that stands everywhere, to 1."""
    chunks = statistics.chunks + BACKGROUND
    having = statistics.having.get(term, 0) + common_terms().get(term, UNLISTED)
    return _idf(chunks, having) / _idf(chunks, UNLISTED)


def _idf(chunks: int, having: int) -> float:
    return math.log1p((chunks - having + 0.5) / (having + 0.5))


@cache
def common_terms() -> Mapping[str, int]:
    """Of BACKGROUND chunks, how many have each common term."""
    rows = (line.split() for line in FILE.read_text().splitlines() if not line.startswith("#"))
    return {term: int(number) for term, number in rows}
