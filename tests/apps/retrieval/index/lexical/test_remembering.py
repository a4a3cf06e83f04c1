from __future__ import annotations

import numpy as np

from apps.retrieval.index.lexical.reading import SegmentChunks, SegmentMemory


def chunks(number: int) -> SegmentChunks:
    """A segment of so many chunks, of ten bytes each."""
    return SegmentChunks(np.arange(number), np.ones(number, dtype=np.uint16), {"english": number})


def test_what_was_remembered_last_is_recalled_and_nothing_of_before() -> None:
    memory = SegmentMemory(most_bytes=1000)
    memory.remember("one", {1: chunks(3), 2: chunks(4)})
    memory.remember("one", {3: chunks(7)})
    assert list(memory.recall("one")) == [3]
    assert memory.recall("other") == {}


def test_indexes_that_were_not_searched_for_longest_are_forgotten() -> None:
    memory = SegmentMemory(most_bytes=10 * 100)
    for index in ("one", "two", "one", "three"):
        memory.remember(index, {1: chunks(40)})
    assert [bool(memory.recall(index)) for index in ("one", "two", "three")] == [True, False, True]
    memory.remember("large", {1: chunks(101)})
    assert not any(memory.recall(index) for index in ("one", "two", "three", "large"))
