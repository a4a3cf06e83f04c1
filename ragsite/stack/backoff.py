"""How long to wait before something that ended is started again."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0


@dataclass(slots=True)
class Backoff:
    """Twice as long each time, up to a bound; from the beginning again once it has lived for a while."""

    wait: float = FIRST_SECONDS

    def after(self, *, lived: float) -> float:
        """The seconds to wait after something that ran for `lived` seconds, none if it did not come to run."""
        self.wait = FIRST_SECONDS if lived > STEADY_SECONDS else min(self.wait * 2, LONGEST_SECONDS)
        return self.wait
