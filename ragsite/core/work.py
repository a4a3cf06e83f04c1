"""Work on leased rows: one way to take it up, and one to see to whatever went wrong.

A job has rows. A worker claims some, works on them under a heartbeat for a turn, and what the work leaves unfinished is
given back. Writing a result checks the lease; a worker that was presumed dead can write nothing.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, InterfaceError, OperationalError, models
from django.db.models import Q
from django.db.models.functions import Now

from ragsite.core.configuration import WorkSettings
from ragsite.core.error_events import error_tell
from ragsite.core.errors import LeaseLostError, PermanentError, RagError, TransientError
from ragsite.core.heartbeats import Held, heartbeat
from ragsite.core.leases import RELEASED, Claim, backoff, claimable, lease_claim, lease_release
from ragsite.core.locking import rows_update
from ragsite.core.refusals import refusal_of

logger = logging.getLogger(__name__)
ANY = Q()

UNEXPECTED = "unexpected_error"
GIVEN_UP_TOGETHER = 200
"""Rows that are given up with one claim."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How long a worker goes on with what it holds: until a moment of the monotonic clock, or until it is to leave.

    `held` is what it holds, where it has claimed something.
    """

    until: float
    leaves: Callable[[], bool] = lambda: False
    held: Held | None = None

    @classmethod
    def of(cls, seconds: float, *, leaves: Callable[[], bool] = lambda: False) -> Turn:
        """A turn that begins now."""
        return cls(time.monotonic() + seconds, leaves)

    def is_over(self) -> bool:
        """Whether to begin nothing more."""
        return self.leaves() or time.monotonic() >= self.until

    def at(self, row: Any) -> None:
        """Note which row of the claim the work is at, by its key; None once it is at none or at all of them.

        Should the work overrun or die there, this row alone answers for it, and the others go on without it.
        """
        if self.held is not None:
            self.held.at(row)

    def seconds_left(self) -> float:
        """0 once it is over."""
        return 0.0 if self.leaves() else max(0.0, self.until - time.monotonic())


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person can do about work that took too long, or too much memory."""

    too_slow: str = "Look at the worker's log, then try again."
    too_much_memory: str = "Give the worker more memory, then try again."


ADVICE = Advice()


class LeasedRows(ABC):
    """The rows of a job, and what the ends of its work mean for them.

    They have an `error` beside the columns of a lease: the reason of the last failure, in words.
    """

    model: type[models.Model]
    what: str
    """One of them, in words: `the evaluation run`."""

    @abstractmethod
    def open(self) -> models.QuerySet[Any]:
        """Rows there is something to do for, claimed or not, in the order in which they are taken up."""

    @abstractmethod
    def fail(self, claim: Claim, error: RagError) -> None:
        """End the claim's rows for good; `error` says why."""

    def waiting(self) -> models.QuerySet[Any]:
        """Rows that a worker could claim now."""
        return self.open().filter(claimable(), attempts__lt=WorkSettings.current().max_attempts)

    def at_work(self) -> bool:
        """Whether a worker holds one of them now."""
        return self.open().filter(lease_until__gte=Now()).exists()

    def claim(self, *, limit: int, among: Q = ANY) -> Claim:
        """Take up to `limit` rows; may come back empty.

        Fresh ones are taken together; one that was tried before alone, so that it fails alone.
        """
        rows = self.open().filter(among, attempts__lt=WorkSettings.current().max_attempts)
        claim = lease_claim(rows.filter(attempts=0), limit=limit)
        return claim if claim.ids else lease_claim(rows, limit=1)

    def begin(self, claim: Claim) -> Any:
        """What the work is given of a claim."""
        return claim

    def held(self, claim: Claim) -> models.QuerySet[Any]:
        """Those of the claim's rows that it still holds."""
        return self.open().filter(pk__in=claim.ids, lease_owner=claim.owner, lease_until__gte=Now())

    def give_back(self, claim: Claim) -> None:
        """Let what the work left unfinished be claimed at once; the attempt does not count."""
        lease_release(self.model, claim, claim.ids)

    def let_go(self, claim: Claim) -> None:
        """Give back what is still held after the lease on a part was lost; the attempt counts."""
        rows_update(self.model._default_manager.filter(pk__in=claim.ids, lease_owner=claim.owner), **RELEASED)

    def postpone(self, claim: Claim, error: RagError) -> None:
        """Let the claim's rows be tried again later: exponential back-off with full jitter."""
        for pk, attempts in list(self.held(claim).values_list("pk", "attempts")):
            wait = backoff(attempts, at_least=error.retry_after or 0)
            self.held(claim).filter(pk=pk).update(not_before=Now() + wait, error=error.sentence, **RELEASED)

    def last_error(self, row: Any) -> str:
        """Why the row did not come through the last time."""
        return str(row.error)

    def give_up(self) -> int:
        """Fail the rows whose worker died or stumbled as often as one may be started; the number of them."""
        spent = lease_claim(
            self.open().filter(attempts__gte=WorkSettings.current().max_attempts), limit=GIVEN_UP_TOGETHER
        )
        for row in self.open().filter(pk__in=spent.ids):
            self.fail(Claim(spent.owner, (row.pk,)), _spent(self.what, self.last_error(row)))
            error_tell("too_many_attempts", place=self.what)
        return len(spent.ids)


def rows_work(
    rows: LeasedRows,
    work: Callable[[Any, Turn], object],
    *,
    turn: Turn,
    advice: Advice = ADVICE,
    limit: int = 1,
    among: Q = ANY,
) -> bool:
    """Claim up to `limit` of the rows that `among` names and do the work; whether there was any to claim.

    A permanent error fails the row. Any other lets it be tried again a bounded number of times; a defect is raised, too.
    """
    claim = rows.claim(limit=limit, among=among)
    if not claim.ids:
        return False
    unit, held = rows.begin(claim), Held(rows.model, claim)
    # Until the outcome is written: who dies before that is still known to hold it.
    with heartbeat(held):
        _work(rows, lambda: work(unit, replace(turn, held=held)), held, advice)
    return True


def _work(rows: LeasedRows, work: Callable[[], object], held: Held, advice: Advice) -> None:
    """Do the work and write what came of it."""
    try:
        work()
        rows.give_back(held.claim)
    except LeaseLostError as error:
        logger.warning("%s", error.message)
        rows.let_go(held.claim)
    except SoftTimeLimitExceeded:
        work_overran(rows, held, advice=advice)
    except MemoryError:
        _blame(rows, held, _too_much_memory(rows, advice))
    except PermanentError as error:
        _blame(rows, held, error)
    except (TransientError, DatabaseError) as error:
        rows.postpone(held.claim, _as_transient(error))
    except Exception as error:
        rows.postpone(held.claim, _unexpected(error))
        error_tell(UNEXPECTED, place=rows.what, kind=type(error).__name__)
        raise


def work_overran(rows: LeasedRows, held: Held, *, advice: Advice) -> None:
    """See to what work held that took longer than it may: it was told to stop, or was stopped."""
    _blame(rows, held, _too_slow(rows, advice))


def work_died(rows: LeasedRows, held: Held) -> None:
    """See to what a process held that died at its work: the row at fault is tried again, as often as one may be started."""
    error = TransientError(f"The process that was at {rows.what} died.", code="worker_died")
    _part(rows, held, lambda claim: rows.postpone(claim, error))


def _blame(rows: LeasedRows, held: Held, error: PermanentError) -> None:
    """Fail the row at fault. Among several of which nobody knows which it is, each gets another try, alone."""
    if held.at_fault() is None:
        rows.postpone(held.claim, error)
    else:
        _part(rows, held, lambda claim: rows.fail(claim, error))


def _part(rows: LeasedRows, held: Held, end: Callable[[Claim], None]) -> None:
    """End the row at fault, or all where nobody knows which it is. The others were only claimed with it: their attempt does
    not count.
    """
    claim, at_fault = held.claim, held.at_fault()
    others = tuple(pk for pk in claim.ids if pk != at_fault) if at_fault is not None else ()
    end(replace(claim, ids=tuple(pk for pk in claim.ids if pk not in others)))
    if others:
        rows.give_back(replace(claim, ids=others))


def _as_transient(error: TransientError | DatabaseError) -> RagError:
    if isinstance(error, TransientError):
        return error
    logger.warning("the database refused the work of a job", exc_info=error)
    if isinstance(error, OperationalError | InterfaceError):
        refusal = refusal_of(error)
        return TransientError(refusal.message, code=refusal.code, action="It is tried again automatically.")
    return TransientError(f"The database refused the work: {error}", code="database_error")


def _unexpected(error: Exception) -> TransientError:
    """A bug of ours: shown with the row, tried again a bounded number of times, and raised for the log."""
    return TransientError(f"The worker failed unexpectedly: {type(error).__name__}: {error}", code=UNEXPECTED)


def _too_slow(rows: LeasedRows, advice: Advice) -> PermanentError:
    return PermanentError(
        f"{rows.what.capitalize()} took longer than it may, and was stopped.", code="too_slow", action=advice.too_slow
    )


def _too_much_memory(rows: LeasedRows, advice: Advice) -> PermanentError:
    return PermanentError(
        f"{rows.what.capitalize()} needs more memory than one worker may take.",
        code="too_much_memory",
        action=advice.too_much_memory,
    )


def _spent(what: str, last: str) -> PermanentError:
    reason = f" The last reason: {last}" if last else ""
    return PermanentError(
        f"The worker of {what} died or gave up {WorkSettings.current().max_attempts} times without progress.{reason}",
        code="too_many_attempts",
        action="Look at the worker's log; try again once the cause is fixed.",
    )
