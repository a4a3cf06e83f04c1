"""Segments: an unchanging piece of the lexical index, and how small ones become a large one.

A segment numbers its chunks from 0 (their ordinals). A term's postings are the ordinals of the chunks that have it, rising,
and how often each has it. Postings are kept as bytes: little-endian ordinals of 2 bytes, or of 4 in a segment of more
than 65,536 chunks, and frequencies of one byte each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

MOST_FREQUENT = 255
LONGEST = 65_535
"""A chunk that has a term more often, or more terms, counts as if it had these; BM25 hardly tells them apart."""

NARROW = 1 << 16


@dataclass(frozen=True, slots=True)
class LexicalIndex:
    """The chunks of a knowledge base that one chunking made. Generations that differ in the model alone share it."""

    knowledge_base_id: UUID
    chunking_key: str


@dataclass(frozen=True, slots=True)
class Postings:
    """The chunks that have a term: ordinals (n,) and frequencies (n,)."""

    ordinals: NDArray[np.unsignedinteger]
    frequencies: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StoredPostings:
    """A term's postings as they are stored."""

    term: str
    ordinals: bytes
    frequencies: bytes


@dataclass(frozen=True, slots=True)
class SegmentContent:
    """The chunks of a segment, by ordinal: their ids and lengths (n,), and the postings of all its terms."""

    chunk_ids: NDArray[np.int64]
    lengths: NDArray[np.uint16]
    postings: tuple[StoredPostings, ...]


def postings_read(stored: StoredPostings) -> Postings:
    """The arrays of stored postings; they are views of its bytes."""
    width = len(stored.ordinals) // len(stored.frequencies)
    return Postings(
        np.frombuffer(stored.ordinals, dtype=f"<u{width}"), np.frombuffer(stored.frequencies, dtype=np.uint8)
    )


def segment_build(chunks: Iterable[tuple[int, Sequence[str]]]) -> SegmentContent:
    """A segment of chunks, each given as its id and its terms."""
    numbers: dict[str, int] = {}
    ids: list[int] = []
    lengths: list[int] = []
    columns: list[NDArray[np.int32]] = [np.empty((3, 0), dtype=np.int32)]
    for ordinal, (chunk_id, terms) in enumerate(chunks):
        ids.append(chunk_id)
        lengths.append(min(len(terms), LONGEST))
        counts = Counter(terms)
        known = [numbers.setdefault(term, len(numbers)) for term in counts]
        columns.append(np.array([known, list(repeat(ordinal, len(known))), list(counts.values())], dtype=np.int32))
    number, ordinals, frequencies = np.concatenate(columns, axis=1)
    return SegmentContent(
        np.array(ids, dtype=np.int64),
        np.array(lengths, dtype=np.uint16),
        tuple(_packed(list(numbers), number, ordinals, np.minimum(frequencies, MOST_FREQUENT), chunks=len(ids))),
    )


def segments_merge(parts: Sequence[tuple[SegmentContent, NDArray[np.bool_]]]) -> SegmentContent:
    """One segment of the chunks of several, each given with which of its chunks (n,) are kept; their order stays."""
    numbers: dict[str, int] = {}
    columns: list[NDArray[np.int32]] = [np.empty((3, 0), dtype=np.int32)]
    first = 0
    for content, kept in parts:
        renumbered = np.where(kept, first + np.cumsum(kept) - 1, -1)
        columns.append(_moved(content.postings, renumbered, numbers))
        first += int(kept.sum())
    number, ordinals, frequencies = np.concatenate(columns, axis=1)
    return SegmentContent(
        np.concatenate([np.empty(0, np.int64), *(content.chunk_ids[kept] for content, kept in parts)]),
        np.concatenate([np.empty(0, np.uint16), *(content.lengths[kept] for content, kept in parts)]),
        tuple(_packed(list(numbers), number, ordinals, frequencies, chunks=first)),
    )


def _moved(
    postings: Sequence[StoredPostings], renumbered: NDArray[np.int64], numbers: dict[str, int]
) -> NDArray[np.int32]:
    """Rows of term number, new ordinal and frequency (3, n) for what is kept of a segment's postings."""
    if not postings:
        return np.empty((3, 0), dtype=np.int32)
    sizes = [len(stored.frequencies) for stored in postings]
    known = [numbers.setdefault(stored.term, len(numbers)) for stored in postings]
    everything = postings_read(
        StoredPostings("", b"".join(p.ordinals for p in postings), b"".join(p.frequencies for p in postings))
    )
    ordinals = renumbered[everything.ordinals]
    kept = ordinals >= 0
    return np.stack([np.repeat(known, sizes)[kept], ordinals[kept], everything.frequencies[kept]]).astype(np.int32)


def _packed(
    terms: Sequence[str],
    number: NDArray[np.int32],
    ordinals: NDArray[np.int32],
    frequencies: NDArray[np.int32],
    *,
    chunks: int,
) -> Iterator[StoredPostings]:
    """The postings of each term that has any, from rows in any order."""
    width = 2 if chunks <= NARROW else 4
    order = np.argsort(number.astype(np.int64) * chunks + ordinals, kind="stable")
    number = number[order]
    ordinal_bytes = ordinals[order].astype(f"<u{width}").tobytes()
    frequency_bytes = frequencies[order].astype(np.uint8).tobytes()
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(number)]):
        yield StoredPostings(
            terms[number[start]], ordinal_bytes[start * width : end * width], frequency_bytes[start:end]
        )
