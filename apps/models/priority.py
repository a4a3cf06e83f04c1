"""Who goes first if several callers wait for one model."""

from __future__ import annotations

import enum


class Priority(enum.IntEnum):
    """A person who waits goes before work that nobody watches."""

    INTERACTIVE = 0
    BULK = 1
