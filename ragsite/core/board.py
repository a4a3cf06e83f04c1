"""The board of jobs: what runs behind which queue, for pages that show it without knowing who does the work.

The table of jobs lies above the pages. As with the doorbell, a setting names the function that gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.module_loading import import_string

from ragsite.core.configuration import WorkSettings
from ragsite.core.work import LeasedRows


@dataclass(frozen=True, slots=True)
class JobOnBoard:
    """A job by its name; its rows, or none of one that runs by the clock."""

    name: str
    rows: LeasedRows | None


@dataclass(frozen=True, slots=True)
class QueueOnBoard:
    """A queue by its name, the jobs behind it, and the command that starts a worker for it."""

    name: str
    jobs: tuple[JobOnBoard, ...]
    command: str


def board() -> tuple[QueueOnBoard, ...]:
    """Every queue."""
    found: Callable[[], tuple[QueueOnBoard, ...]] = import_string(WorkSettings.current().board)
    return found()
