"""Which inputs are computed together: those of like length, since a batch costs its rows times its longest row."""

from __future__ import annotations

from collections.abc import Sequence


def batches_by_length(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Split all rows into batches of at most `budget` padded tokens, longest first; a longer row goes alone."""
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def batch_around(anchor: int, lengths: Sequence[int], *, budget: int) -> list[int]:
    """The rows to compute together with row `anchor`: those nearest in length, within `budget` padded tokens."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    low = high = order.index(anchor)
    while True:
        below = lengths[anchor] - lengths[order[low - 1]] if low > 0 else None
        above = lengths[order[high + 1]] - lengths[anchor] if high + 1 < len(order) else None
        go_up = above is not None and (below is None or above < below)
        if not go_up and below is None:
            break
        new_low, new_high = (low, high + 1) if go_up else (low - 1, high)
        if (new_high - new_low + 1) * lengths[order[new_high]] > budget:
            break
        low, high = new_low, new_high
    return order[low : high + 1]
