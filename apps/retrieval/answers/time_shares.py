"""How long a generator may take that has another one behind it. Pure."""

from __future__ import annotations

from apps.models.gateway import Deadline

RESERVE_SECONDS = 2.0
"""Of the time there is, what is left for another generator, should a model not be done."""


def deadline_shared(deadline: Deadline, share: float) -> Deadline:
    """Until when a model may take, if it gets this share of what others leave."""
    until = Deadline(deadline.at - RESERVE_SECONDS)
    return until if share == 1.0 else Deadline.after(until.remaining() * share)
