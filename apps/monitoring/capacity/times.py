"""How long the stages take: a claim of some documents costs something fixed and something for each, spread as it was measured."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles
from typing import Any

from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from ragsite.core.errors import PermanentError

STAGES = (PARSE, CHUNK, EMBED, ACTIVATE)
"""In their order."""

LEAST_SECONDS = 0.001
RATIOS = 500
"""Measured spreads that are kept of a stage."""


class CapacityError(PermanentError):
    """The question about capacity can't be answered; for the operator who asked."""

    code = "capacity_unknown"


@dataclass(frozen=True, slots=True)
class ClaimSeen:
    """Documents that one worker worked on together, and how long that took."""

    stage: str
    documents: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds of a claim of n documents: `fixed + each * n`, times one of the `ratios`, which are 1 on average. `handover` are
    the seconds from the end of the stage before until a free worker begins.
    """

    fixed: float
    each: float
    ratios: tuple[float, ...] = (1.0,)
    handover: float = 0.0

    def mean(self, documents: int) -> float:
        """Of a claim of so many."""
        return self.fixed + self.each * documents

    def drawn(self, documents: int, chance: random.Random) -> float:
        """Of one claim."""
        return max(LEAST_SECONDS, self.mean(documents) * chance.choice(self.ratios))

    def as_dict(self) -> dict[str, Any]:
        return {"fixed": self.fixed, "each": self.each, "handover": self.handover, "ratios": list(self.ratios)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> StageTimes:
        """Raises CapacityError: it is not of that form."""
        try:
            ratios = tuple(float(one) for one in given.get("ratios") or [1.0])
            found = cls(float(given["fixed"]), float(given["each"]), ratios, float(given.get("handover", 0)))
        except (KeyError, TypeError, ValueError) as error:
            raise CapacityError(
                "The file of times has a stage without `fixed` and `each`.",
                action="Write it by `manage.py capacity times --save`.",
            ) from error
        if min(found.fixed, found.each, found.handover, *ratios) < 0:
            raise CapacityError("The file of times has a negative number.", action="Correct it.")
        return found


def times_fitted(claims: Iterable[ClaimSeen], *, handover: float = 0.0) -> StageTimes:
    """The line through the claims of one stage by least squares, with neither part below zero, and how they spread about it.

    Where all claims were of one size nothing tells the fixed part from the rest: it is taken to be none, so more in a claim is
    not taken to be cheaper than was seen.
    """
    seen = list(claims)
    sizes, seconds = [float(one.documents) for one in seen], [one.seconds for one in seen]
    fixed, each = _line(sizes, seconds)
    found = StageTimes(fixed, each)
    ratios = sorted(one.seconds / max(LEAST_SECONDS, found.mean(one.documents)) for one in seen)
    mean = fmean(ratios) or 1.0
    return StageTimes(fixed, each, tuple(one / mean for one in _thinned(ratios)), handover)


def tenth(values: Sequence[float]) -> float:
    """The value that a tenth of them stays below: of what is sometimes waiting, the part that never is."""
    if not values:
        return 0.0
    return max(0.0, min(values) if len(values) < 2 else quantiles(values, n=10, method="inclusive")[0])


def _line(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    middle, mean = fmean(sizes), fmean(seconds)
    spread = sum((size - middle) ** 2 for size in sizes)
    slope = (
        sum((size - middle) * (one - mean) for size, one in zip(sizes, seconds, strict=True)) / spread
        if spread
        else -1.0
    )
    through_zero = sum(seconds) / sum(sizes)
    if slope < 0 and spread:
        return mean, 0.0
    if slope < 0 or mean - slope * middle < 0:
        return 0.0, through_zero
    return mean - slope * middle, slope


def _thinned(values: Sequence[float]) -> Sequence[float]:
    """As many of the sorted values as are kept, evenly."""
    if len(values) <= RATIOS:
        return values
    return [values[int((place + 0.5) * len(values) / RATIOS)] for place in range(RATIOS)]
