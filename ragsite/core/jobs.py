"""The jobs port: how a service says that there is work for a job, without knowing who does it.

A ring carries the job's name only. The work itself is described in PostgreSQL, where it is claimed; a ring that is lost is
made good by the sweep, one too many finds nothing to claim. A failing doorbell therefore never fails the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db import transaction
from django.utils.module_loading import import_string

from ragsite.core.configuration import WorkSettings

logger = logging.getLogger(__name__)


class Doorbell(Protocol):
    """Wakes a worker of a job."""

    def ring(self, job: str) -> None: ...


class SilentDoorbell:
    """Rings nobody: the sweep, or the test, starts the work."""

    def ring(self, job: str) -> None:
        logger.debug("no doorbell for %s", job)


_chosen: Doorbell | None = None


@contextmanager
def using_doorbell(doorbell: Doorbell) -> Iterator[None]:
    """Within the block this process rings by `doorbell`, whatever its settings say."""
    global _chosen
    before, _chosen = _chosen, doorbell
    try:
        yield
    finally:
        _chosen = before


def ring(job: str) -> None:
    """Wake a worker of `job` once the present transaction has committed."""
    doorbell: Doorbell = _chosen or import_string(WorkSettings.current().doorbell)()
    transaction.on_commit(lambda: doorbell.ring(job))
