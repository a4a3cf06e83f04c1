"""What watching the system finds, published to the outside. Fields only. All are samples: they cost no row and may be lost."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ragsite.core.events import InstallationEvent, event

INSTALLATION = UUID(int=0)
"""The id of the installation, of which there is one."""


@event("service.health", key="check_id", is_act=False)
class ServiceHealth(InstallationEvent):
    """A deep check found a part otherwise than the last time. A sample: it may be lost."""

    check_id: UUID
    """The same for each time that this check looks at this part."""
    check: str
    """`database`, `known-query`, `model`, …"""
    subject: str
    """Of a check that looks at several parts, which one; else empty."""
    state: str
    """`ok`, `degraded` or `failed`."""
    previous: str | None
    """How it was found the last time; null for the first."""
    text: str
    """What is wrong, and what mends it; empty where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What waited behind a queue at a moment, and for how many seconds the first of it had."""

    queue: str
    waiting: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFigures:
    """The versions that left a stage within the minute before, by outcome, and the mean of the seconds that they were at it."""

    stage: str
    done: int
    failed: int
    seconds: float


@event("performance.metrics", key="installation_id", is_act=False)
class PerformanceMetrics(InstallationEvent):
    """How much waited and was done, once a minute. A sample: it may be lost."""

    installation_id: UUID
    """Zeros."""
    queues: tuple[QueueFigures, ...]
    stages: tuple[StageFigures, ...]
    """Those that a version left within the minute."""
