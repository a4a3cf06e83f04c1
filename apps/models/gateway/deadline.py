"""Until when an answer is of use. It travels with each call, through queues too."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

from apps.models.errors import DeadlineExceededError


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """A moment in absolute epoch seconds, so that it means the same in every process."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment that many seconds from now."""
        return cls(time.time() + seconds)

    def remaining(self) -> float:
        """Seconds left; 0 once it has passed."""
        return max(0.0, self.at - time.time())

    @property
    def expired(self) -> bool:
        return self.remaining() == 0.0

    def check(self, work: str) -> None:
        """Refuse to begin `work` too late.

        Raises:
            DeadlineExceededError: the deadline has passed.
        """
        if self.expired:
            raise DeadlineExceededError(f"The deadline passed before {work}.")
