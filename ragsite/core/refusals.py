"""What the database refused, in words: a deadlock, a lock, too slow a statement, a full pool or disk, a dead server."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from ragsite.core.errors import ServiceUnavailableError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How one kind of error is told: its code, a sentence, what to do, and after how many seconds."""

    code: str
    message: str
    action: str
    retry_after: float

    def error(self) -> ServiceUnavailableError:
        return ServiceUnavailableError(self.message, code=self.code, action=self.action, retry_after=self.retry_after)


REFUSALS: tuple[tuple[tuple[type[psycopg.Error], ...], Refusal], ...] = (
    (
        (errors.DeadlockDetected, errors.SerializationFailure),
        Refusal("database_conflict", "Two changes met, and this one was undone.", "Send it again.", 1),
    ),
    (
        (errors.LockNotAvailable,),
        Refusal("database_locked", "Something else is changing the same rows.", "Try again in a moment.", 2),
    ),
    (
        (errors.QueryCanceled,),
        Refusal("database_timeout", "The database took too long.", "Ask for less at once, or try again later.", 5),
    ),
    (
        (PoolTimeout, TooManyRequests, errors.TooManyConnections),
        Refusal("database_busy", "All connections to the database are in use.", "Try again in a moment.", 2),
    ),
    (
        (errors.DiskFull,),
        Refusal("database_full", "The disk of the database is full.", "Free some space there, then try again.", 30),
    ),
)
UNAVAILABLE = Refusal("database_unavailable", "The database does not answer.", "Try again.", 5)


def refusal_of(error: Exception) -> Refusal:
    """How the error is told; the log has the database's own words."""
    cause = error.__cause__ or error
    refusal = next((one for kinds, one in REFUSALS if isinstance(cause, kinds)), UNAVAILABLE)
    logger.warning("%s: %s: %s", refusal.code, type(cause).__name__, " ".join(str(cause).split()))
    return refusal
