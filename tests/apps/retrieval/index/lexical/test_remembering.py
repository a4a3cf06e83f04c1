from __future__ import annotations

import numpy as np

from apps.retrieval.index.lexical.reading import SegmentMemory


def test_what_was_remembered_last_is_recalled_and_nothing_of_before() -> None:
    memory = SegmentMemory(most_bytes=1000)
    memory.remember("one", {1: np.arange(3), 2: np.arange(4)})
    memory.remember("one", {3: np.arange(7)})
    assert list(memory.recall("one")) == [3]
    assert memory.recall("other") == {}


def test_indexes_that_were_not_searched_for_longest_are_forgotten() -> None:
    memory = SegmentMemory(most_bytes=8 * 100)
    for index in ("one", "two", "one", "three"):
        memory.remember(index, {1: np.zeros(40, dtype=np.int64)})
    assert [bool(memory.recall(index)) for index in ("one", "two", "three")] == [True, False, True]
    memory.remember("large", {1: np.zeros(101, dtype=np.int64)})
    assert not any(memory.recall(index) for index in ("one", "two", "three", "large"))
