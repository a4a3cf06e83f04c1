"""Where the subject changes: at the gaps between sentences whose neighbours on both sides are least alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from apps.documents.chunking.cutting import CutProse, cores, small_joined, unbroken
from apps.documents.chunking.measuring import Ruler
from apps.documents.chunking.strategies.sentence import SentenceCutter
from apps.documents.chunking.types import Core, Embed
from apps.documents.parsing.types import Section, Span
from apps.documents.sentences.splitting import sentence_spans

# The part of a document's gaps, in per cent, at which the text may be cut because its subject changes.
PERCENTILE = 20
# How many sentences on each side of a gap are compared; a single one says too little about its subject.
NEIGHBOURS = 2
# Less than this part of a chunk is too little to stand for a subject.
LEAST_SHARE = 8
# The most sentences whose vectors are held at a time.
BATCH = 512
# Devices differ in the last digits, and they must not decide where a text is cut.
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class _Units:
    """A document's sentences, tables and code in order; `borders` are where its sections begin, and the number."""

    spans: list[Span]
    borders: list[int]


def by_meaning(sections: Sequence[Section], ruler: Ruler, embed: Embed | None) -> Iterator[tuple[Section, list[Core]]]:
    """Each section with its cores; nothing is repeated across a change of subject.

    Similarity is the cosine of the sums of the vectors on both sides of a gap, as far as the section goes. A gap is
    one where the subject changes if it is less alike than PERCENTILE of the document's gaps and than its neighbours.
    Raises ValueError when `embed` is missing or gives anything but one finite vector a text.
    """
    if embed is None:
        raise ValueError("The strategy 'semantic' needs vectors: give chunk() an `embed`.")
    merged = small_joined(sections, ruler)
    units = _units(merged, ruler)
    changes = _changes(_similarities(units, ruler, embed))
    cutter = SentenceCutter(ruler)
    for section, (first, last) in zip(merged, pairwise(units.borders), strict=True):
        pieces = _pieces(units.spans[first:last], changes[first:last], ruler)
        yield section, [core for piece in pieces for core in _cores_of_subject(ruler, piece, cutter.cut)]


def _units(sections: Sequence[Section], ruler: Ruler) -> _Units:
    spans: list[Span] = []
    borders = [0]
    for section in sections:
        for span, block in unbroken(ruler, section.start, section.end):
            spans.extend(sentence_spans(ruler.text, *span) if block is None else [span])
        borders.append(len(spans))
    return _Units(spans, borders)


def _similarities(units: _Units, ruler: Ruler, embed: Embed) -> NDArray[np.float64]:
    """How alike the two sides of the gap after each unit are, (n,); NaN after the last unit of a section."""
    lengths = np.diff(units.borders)
    begins, ends = np.repeat(units.borders[:-1], lengths), np.repeat(units.borders[1:], lengths)
    count = len(units.spans)
    similarities = np.full(count, np.nan)
    for batch in range(0, count, BATCH):
        gaps = np.arange(batch, min(batch + BATCH, count))
        gaps = gaps[gaps + 1 < ends[gaps]]
        if not gaps.size:
            continue
        low, high = max(0, batch - NEIGHBOURS + 1), min(count, batch + BATCH + NEIGHBOURS)
        vectors = _vectors(units.spans[low:high], ruler, embed)
        first = np.maximum(begins[gaps], gaps - NEIGHBOURS + 1) - low
        last = np.minimum(ends[gaps], gaps + 1 + NEIGHBOURS) - low
        similarities[gaps] = _cosines(vectors, first, gaps + 1 - low, last)
    return similarities


def _cosines(
    vectors: NDArray[np.float32], first: NDArray[np.int_], middle: NDArray[np.int_], last: NDArray[np.int_]
) -> NDArray[np.float64]:
    """Cosines of the sums of the rows `first` to `middle` and `middle` to `last` (exclusive); 0 where one is zero."""
    sums = np.vstack([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, axis=0, dtype=np.float64)])
    left, right = sums[middle] - sums[first], sums[last] - sums[middle]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    products = np.einsum("nd,nd->n", left, right)
    cosines: NDArray[np.float64] = np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return cosines.round(DECIMALS)


def _vectors(spans: Sequence[Span], ruler: Ruler, embed: Embed) -> NDArray[np.float32]:
    """The vectors of the spans, (n, d); of one that is larger than a chunk, of its beginning."""
    texts = [ruler.text[slice(*_beginning(ruler, span))] for span in spans]
    vectors = np.asarray(embed(texts), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise ValueError(f"`embed` gave shape {vectors.shape} for {len(texts)} texts, where finite (n, d) was due.")
    return vectors


def _beginning(ruler: Ruler, span: Span) -> Span:
    return span if ruler.fits(*span) else next(ruler.pieces(*span, room=ruler.core_size))


def _changes(similarities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the subject changes after each unit, (n,)."""
    known = similarities[~np.isnan(similarities)]
    threshold = np.percentile(known, PERCENTILE) if known.size else 0.0
    padded = np.nan_to_num(np.concatenate([[np.inf], similarities, [np.inf]]), nan=np.inf)
    here, before, after = padded[1:-1], padded[:-2], padded[2:]
    changes: NDArray[np.bool_] = (here < threshold) & (here <= before) & (here <= after)
    return changes


def _pieces(spans: Sequence[Span], changes: NDArray[np.bool_], ruler: Ruler) -> Iterator[Span]:
    """The spans joined up to each change of subject, except one that would leave too little on either side."""
    if not spans:
        return
    tokens, least = [ruler.measure(*span) for span in spans], ruler.size // LEAST_SHARE
    start, held, rest = spans[0][0], 0, sum(tokens)
    for (_, end), count, changed, following in zip(spans, tokens, changes, spans[1:], strict=False):
        held, rest = held + count, rest - count
        if changed and held >= least and rest >= least:
            yield start, end
            start, held = following[0], 0
    yield start, spans[-1][1]


def _cores_of_subject(ruler: Ruler, piece: Span, cut: CutProse) -> list[Core]:
    """The cores of a piece, of which the next piece repeats nothing."""
    *others, last = cores(ruler, *piece, cut=cut)
    return [*others, replace(last, repeat_from=last.end)]
