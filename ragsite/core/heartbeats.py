"""A claim is kept while it is worked on: its lease is renewed until the work ends, or the process that does it.

Who renews it is the process's own affair. A thread beside the work does, where nothing keeps the interpreter to itself for
long; where something may, a process that has nothing else to do (`workers/heart.py`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import DatabaseError, connection, models

from ragsite.core.configuration import WorkSettings
from ragsite.core.leases import Claim, lease_renew

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Held:
    """A claim that is worked on. `row` is the one of it that the work is at, None while it is at none or at all of them."""

    model: type[models.Model]
    claim: Claim
    row: Any = None
    tells: Callable[[Held], None] | None = None
    """Who keeps the claim and wants to know when the work goes on to another row."""

    def at(self, row: Any) -> None:
        """Note that the work is at this row now, so that it alone answers for what the work comes to."""
        self.row = row
        if self.tells is not None:
            self.tells(self)

    def at_fault(self) -> Any:
        """The row that answers for what happens now; None where nobody knows."""
        return self.claim.ids[0] if len(self.claim.ids) == 1 else self.row


Heart: TypeAlias = Callable[[Held], AbstractContextManager[None]]
"""Keeps the claim for as long as the block runs."""


def heartbeat(held: Held) -> AbstractContextManager[None]:
    """Keep the claim for as long as the block runs, by the heart of this process."""
    return _heart(held)


def heart_use(heart: Heart) -> None:
    """Let the claims of this process be kept by `heart` from now on."""
    global _heart
    _heart = heart


@contextlib.contextmanager
def beat_by_thread(held: Held) -> Iterator[None]:
    """A heart for any process: a thread for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(held, stop), name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


_heart: Heart = beat_by_thread


def _beat(held: Held, stop: threading.Event) -> None:
    while not stop.wait(WorkSettings.current().lease_seconds / 4):
        try:
            lease_renew(held.model, held.claim)
        except DatabaseError:
            logger.warning("lease not renewed: the database did not answer", exc_info=True)
        finally:
            connection.close()
