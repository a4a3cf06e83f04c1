"""What the blocking client waits by: `aio.waiting` has the same for the other one."""

from __future__ import annotations

import time
from threading import Lock

__all__ = ["Lock", "sleep"]


def sleep(seconds: float) -> None:
    """Let the thread rest."""
    time.sleep(seconds)
