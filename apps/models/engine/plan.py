"""Which inputs are computed together.

Packed, they cost their tokens: the first ones are taken, and what best fills the rest. Padded, they cost their number times the
longest: those of like length are taken.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

WINDOW = 512
"""Inputs looked at when a batch is put together, at least: enough to find what fits, and quick to sort."""

SHORT_INPUT = 32
"""Of inputs of so many tokens a batch can still be filled."""


def window_of(budget: int) -> int:
    """How many inputs are looked at for a batch of so many tokens."""
    return max(WINDOW, budget // SHORT_INPUT)


def batches(lengths: Sequence[int], *, budget: int, packed: bool) -> list[list[int]]:
    """All rows, in batches of at most `budget` tokens, with what is filled up; a longer row goes alone."""
    waiting = list(range(len(lengths)))
    if not packed:
        waiting.sort(key=lambda row: -lengths[row])
    found = []
    while waiting:
        window = waiting[: window_of(budget)]
        chosen = batch_with_first([lengths[row] for row in window], budget=budget, packed=packed)
        found.append([window[place] for place in chosen])
        taken = set(chosen)
        waiting[: len(window)] = [row for place, row in enumerate(window) if place not in taken]
    return found


def batch_with_first(lengths: Sequence[int], *, budget: int, packed: bool) -> list[int]:
    """The rows to compute together with row 0, that one among them, within `budget` tokens, with what is filled up."""
    return _filling(lengths, budget) if packed else _alike(lengths, budget)


def _filling(lengths: Sequence[int], budget: int) -> list[int]:
    """The first rows, as many as fit, and then again and again the longest that still does."""
    chosen, room = [0], budget - lengths[0]
    while len(chosen) < len(lengths) and lengths[len(chosen)] <= room:
        room -= lengths[len(chosen)]
        chosen.append(len(chosen))
    others = sorted(range(len(chosen), len(lengths)), key=lengths.__getitem__)
    while (fitting := bisect_right(others, room, key=lengths.__getitem__)) > 0:
        chosen.append(others.pop(fitting - 1))
        room -= lengths[chosen[-1]]
    return chosen


def _alike(lengths: Sequence[int], budget: int) -> list[int]:
    """The rows nearest to the first in length."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    low = high = order.index(0)
    while True:
        below = lengths[0] - lengths[order[low - 1]] if low > 0 else None
        above = lengths[order[high + 1]] - lengths[0] if high + 1 < len(order) else None
        go_up = above is not None and (below is None or above < below)
        if not go_up and below is None:
            break
        new_low, new_high = (low, high + 1) if go_up else (low - 1, high)
        if (new_high - new_low + 1) * lengths[order[new_high]] > budget:
            break
        low, high = new_low, new_high
    return order[low : high + 1]
