"""Turns for tests."""

from __future__ import annotations

import itertools
import math

from ragsite.core.work import Turn


def long() -> Turn:
    """A turn that no test sees the end of."""
    return Turn(math.inf)


def short(bites: int) -> Turn:
    """A turn that is over after it was asked so many times whether it is."""
    asked = itertools.count()
    return Turn(math.inf, lambda: next(asked) >= bites)
