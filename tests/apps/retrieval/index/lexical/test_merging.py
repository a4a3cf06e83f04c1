from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.retrieval.index.lexical.merges import DEAD_SECONDS, FAN, LARGEST, SMALL, SegmentState, merges_due


def states(*chunks: int) -> list[SegmentState]:
    return [SegmentState(number, size) for number, size in enumerate(chunks, start=1)]


def test_few_segments_of_a_size_stay_as_they_are() -> None:
    assert merges_due(states(*[1] * (FAN - 1), *[100] * (FAN - 1), 60_000)) == []


def test_as_many_as_the_fan_become_one() -> None:
    assert merges_due(states(*[1] * FAN, 100)) == [tuple(range(1, FAN + 1))]


def test_a_backlog_of_small_ones_is_merged_at_once() -> None:
    assert merges_due(states(*[3] * 500)) == [tuple(range(1, 501))]


def test_no_merge_is_larger_than_the_largest() -> None:
    groups = merges_due(states(*[30_000] * FAN))
    assert [len(group) for group in groups] == [2] * (FAN // 2)


def test_a_small_segment_is_rewritten_as_soon_as_a_chunk_of_it_is_dead() -> None:
    assert merges_due([SegmentState(1, SMALL, dead=1)]) == [(1,)]


def test_a_large_segment_is_rewritten_when_many_chunks_are_dead_or_some_have_been_for_long() -> None:
    assert merges_due([SegmentState(1, 50_000, dead=4_999)]) == []
    assert merges_due([SegmentState(1, 50_000, dead=5_000)]) == [(1,)]
    assert merges_due([SegmentState(1, 50_000, dead=1, seconds=DEAD_SECONDS)]) == [(1,)]
    assert merges_due([SegmentState(1, 50_000, dead=0, seconds=DEAD_SECONDS)]) == []


@given(st.lists(st.tuples(st.integers(1, 70_000), st.floats(0, 1)), max_size=60))
def test_merging_comes_to_an_end_with_few_segments_and_no_dead(sizes: list[tuple[int, float]]) -> None:
    left = {n: SegmentState(n, chunks, dead=int(chunks * part), seconds=1e6) for n, (chunks, part) in enumerate(sizes)}
    living = sum(state.living for state in left.values())
    for _ in range(30):
        for group in merges_due(list(left.values())):
            assert len(group) == len(set(group))
            kept = sum(left.pop(pk).living for pk in group)
            assert len(group) == 1 or kept <= LARGEST
            if kept:
                left[1 + max([*left, *group])] = SegmentState(1 + max([*left, *group]), kept)
    assert merges_due(list(left.values())) == []
    assert sum(state.chunks for state in left.values()) == living
    assert len(left) <= (FAN - 1) * 6 + living * 2 // LARGEST
