"""Shares of questions that are answered and refused, by their scores. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

One = TypeVar("One")


def share(are: Sequence[bool]) -> float:
    """Of them, how many are; 0 of none."""
    return round(float(np.mean(are)), 4) if len(are) else 0.0


def refused_where(refusable: Sequence[float], answerable: Sequence[float], *, answered: float) -> float:
    """The share of `refusable` below the threshold that lets `answered` of the answerable through."""
    threshold = np.quantile(answerable, 1 - answered)
    return share([score < threshold for score in refusable])


def spread(many: Sequence[One], number: int) -> Sequence[One]:
    """Every n-th of them, so that about `number` are left; all for 0."""
    return many[:: max(1, round(len(many) / number))] if number else many
