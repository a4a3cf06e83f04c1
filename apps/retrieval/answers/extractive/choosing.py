"""Which units make an answer: the best one, and what adds to it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from apps.retrieval.answers.extractive.scoring import Vector
from apps.retrieval.answers.extractive.units import Unit, UnitKind

MOST = 3
NEAR_BEST = 0.35
"""Of the best one's score, what another one must have to join it."""

NEAR_BEST_ROW = 0.9
"""The same among rows: the row asked for is wanted, and not its neighbours."""

SAME = 0.7
"""The share of its words that a unit has in common with another one, from which on it says nothing new."""


def units_chosen(units: Sequence[Unit], scores: Vector) -> list[tuple[Unit, float]]:
    """Up to MOST units with their scores, best first, none of which says what another one says."""
    order = sorted(range(len(units)), key=lambda place: -scores[place])
    chosen: list[tuple[Unit, float]] = []
    for place in order:
        unit, score = units[place], float(scores[place])
        if chosen and not _joins(unit, score, *chosen[0]):
            continue
        if not any(_same(unit, other) for other, _ in chosen):
            chosen.append((unit, score))
        if len(chosen) == MOST:
            break
    return chosen


def _joins(unit: Unit, score: float, best: Unit, best_score: float) -> bool:
    rows = UnitKind.SENTENCE not in (unit.kind, best.kind)
    return score >= best_score * (NEAR_BEST_ROW if rows else NEAR_BEST)


def _same(one: Unit, other: Unit) -> bool:
    if one.passage.version_id == other.passage.version_id and _overlap(one, other):
        return True
    words, others = set(one.text.casefold().split()), set(other.text.casefold().split())
    if any(sign.isdigit() for word in words ^ others for sign in word):
        return False
    return len(words & others) >= SAME * min(len(words), len(others))


def _overlap(one: Unit, other: Unit) -> bool:
    starts, ends = one.passage.start + one.start, one.passage.start + one.end
    return starts < other.passage.start + other.end and other.passage.start + other.start < ends
