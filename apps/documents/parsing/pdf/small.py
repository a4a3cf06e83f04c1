"""Characters that are smaller than those beside them and stand higher or lower: superscript and subscript."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.documents.parsing.pdf.letters import NEAR, Box, Letters
from apps.documents.parsing.scripts import Script
from apps.documents.parsing.types import Span

SMALLER = 0.86
"""Of the height of the font beside it at most."""

LIFTED = 0.06
"""By how much of that height at least."""

WIDEST = 3.0
"""What is raised or lowered, in heights of the line at most."""

ATTACHED = 0.25
"""The gap to what it belongs to, in heights of the line at most."""


@dataclass(frozen=True, slots=True)
class Small:
    """Characters `start` to `end` (exclusive) of a page that are raised or lowered."""

    start: int
    end: int
    script: Script


def small_in(letters: Letters, runs: Sequence[Box], start: int, end: int) -> list[Small]:
    """The raised and lowered characters from `start` to `end` that `runs` are of, in order."""
    found: list[Small] = []
    for run in _candidates(runs):
        at = letters.at((run.left + run.left + min(run.height / 4, run.right - run.left)) / 2, run.middle, NEAR)
        if at is None or not (found[-1].end if found else start) <= at < end:
            continue
        small = _small(letters, at, (start, end))
        if small is not None:
            found.append(small)
    return found


def _candidates(runs: Sequence[Box]) -> Iterator[Box]:
    """Short runs right behind another that stand higher or lower than it, and are smaller."""
    for before, run in pairwise(runs):
        height = before.top - before.bottom
        if (
            run.top - run.bottom < SMALLER * height
            and -NEAR < run.left - before.right < ATTACHED * height
            and run.right - run.left < WIDEST * height
            and (run.bottom > before.bottom + 0.2 * height or run.top < before.top - 0.2 * height)
        ):
            yield run


def _small(letters: Letters, start: int, within: Span) -> Small | None:
    text = letters.text
    beside = next((at for at in range(start - 1, within[0] - 1, -1) if not text[at].isspace()), None)
    if beside is None or not (text[start].isalnum() or text[start] in "+-−–()*†‡§¶"):
        return None
    size, base = letters.loose_box(beside).height, letters.baseline(beside)
    lift = letters.baseline(start) - base
    if abs(lift) < LIFTED * size or letters.loose_box(start).height > SMALLER * size:
        return None
    end = start + 1
    while end < within[1] and not text[end].isspace() and abs(letters.baseline(end) - base - lift) < NEAR:
        end += 1
    return Small(start, end, Script.RAISED if lift > 0 else Script.LOWERED)
