from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.index.lexical import segments
from apps.retrieval.index.lexical.segments import (
    LONGEST,
    MOST_FREQUENT,
    SegmentContent,
    postings_read,
    segment_build,
    segments_merge,
)

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "dd", "é"]), max_size=6), max_size=8)


def chunks_of(content: SegmentContent) -> list[tuple[int, int, Counter[str]]]:
    """Every chunk's id, length and terms, read back from the postings."""
    found: list[Counter[str]] = [Counter() for _ in content.chunk_ids]
    for stored in content.postings:
        postings = postings_read(stored)
        assert list(postings.ordinals) == sorted(set(postings.ordinals.tolist()))
        for ordinal, frequency in zip(postings.ordinals.tolist(), postings.frequencies.tolist(), strict=True):
            found[ordinal][stored.term] = frequency
    return list(zip(content.chunk_ids.tolist(), content.lengths.tolist(), found, strict=True))


def told(texts: Sequence[Sequence[str]], first: int = 0) -> list[tuple[int, int, Counter[str]]]:
    return [(first + place, len(terms), Counter(terms)) for place, terms in enumerate(texts)]


@given(TEXTS)
def test_a_segment_holds_what_was_put_into_it(texts: list[list[str]]) -> None:
    content = segment_build(enumerate(texts))
    assert chunks_of(content) == told(texts)
    assert len({stored.term for stored in content.postings}) == len(content.postings)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 255)), max_size=4))
def test_a_merge_holds_the_kept_chunks_of_all_in_their_order(parts: list[tuple[list[list[str]], int]]) -> None:
    given_parts, expected = [], []
    for number, (texts, bits) in enumerate(parts):
        kept = np.array([bool(bits >> place & 1) for place in range(len(texts))], dtype=bool)
        given_parts.append((segment_build((1000 * number + n, terms) for n, terms in enumerate(texts)), kept))
        expected += [chunk for chunk, keep in zip(told(texts, 1000 * number), kept, strict=True) if keep]
    assert chunks_of(segments_merge(given_parts)) == expected


def test_a_segment_of_more_chunks_than_two_bytes_number_takes_four() -> None:
    content = segment_build((n, ["common", f"rare{n}"] if n % 30_000 == 0 else ["common"]) for n in range(70_000))
    by_term = {stored.term: postings_read(stored) for stored in content.postings}
    assert by_term["rare60000"].ordinals.tolist() == [60_000]
    assert by_term["common"].ordinals.tolist() == list(range(70_000))
    merged = segments_merge([(content, content.chunk_ids % 2 == 0)])
    assert len(merged.chunk_ids) == 35_000
    assert len(merged.postings[0].ordinals) == 2 * 35_000
    assert {s.term: postings_read(s) for s in merged.postings}["rare60000"].ordinals.tolist() == [30_000]


def test_what_has_no_room_counts_as_the_most_that_has() -> None:
    ((_, length, terms),) = chunks_of(segment_build([(1, ["a"] * (LONGEST + 5))]))
    assert (length, terms["a"]) == (LONGEST, MOST_FREQUENT)
    assert segments.NARROW == 65_536
