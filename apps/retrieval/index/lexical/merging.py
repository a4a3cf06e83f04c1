"""Which segments become one: those of like size together, so that a chunk is rewritten a few times only. Pure.

Sizes form tiers, each FAN times the one before. FAN segments of a tier become one, of the next tier. A segment is
rewritten alone where chunks in it have died: at once when they are many, after a while when they are few.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FAN = 8
LARGEST = 1 << 16
"""Chunks of a segment that merges may make. A merge of so many takes seconds."""

DEAD_SHARE = 0.1
DEAD_SECONDS = 3600.0
SMALL = 4096
"""Chunks of a segment that is rewritten as soon as one of them has died."""


@dataclass(frozen=True, slots=True)
class SegmentState:
    """A segment's chunks, those that are found no more (not current, deleted, renamed), and its age in seconds."""

    id: int
    chunks: int
    dead: int = 0
    seconds: float = 0.0

    @property
    def living(self) -> int:
        return self.chunks - self.dead


def merges_due(states: Sequence[SegmentState]) -> list[tuple[int, ...]]:
    """The ids of the segments to be merged, group by group; a group of one is rewritten without its dead."""
    tiers: dict[int, list[SegmentState]] = defaultdict(list)
    for state in sorted(states, key=lambda state: state.id):
        tiers[_tier(state)].append(state)
    groups = [group for tier in tiers.values() if len(tier) >= FAN for group in _fitting(tier) if len(group) > 1]
    taken = {state.id for group in groups for state in group}
    alone = worn([state for state in states if state.id not in taken])
    return [tuple(state.id for state in group) for group in groups] + alone


def worn(states: Sequence[SegmentState]) -> list[tuple[int, ...]]:
    """The ids of the segments that are to be rewritten alone, each a group of one."""
    return [(state.id,) for state in states if _is_worn(state)]


def _tier(state: SegmentState) -> int:
    return math.floor(math.log(max(state.living, 1), FAN))


def _fitting(tier: Sequence[SegmentState]) -> Iterator[list[SegmentState]]:
    """The segments in groups that together have no more than LARGEST living chunks, or are one."""
    group: list[SegmentState] = []
    for state in tier:
        if group and sum(other.living for other in group) + state.living > LARGEST:
            yield group
            group = []
        group.append(state)
    yield group


def _is_worn(state: SegmentState) -> bool:
    due = state.chunks <= SMALL or state.dead >= DEAD_SHARE * state.chunks or state.seconds >= DEAD_SECONDS
    return state.dead > 0 and due
