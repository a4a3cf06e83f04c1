"""What one request has taken from the limits that hold for it. A door that spends more than its address says asks it for more."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from django.db import InterfaceError, OperationalError

from ragsite.core.limits import LIMIT_KINDS, Per, Work
from ragsite.gateway.callers import refused_as
from ragsite.gateway.database_errors import database_error
from ragsite.gateway.errors import LimitReachedError
from ragsite.gateway.limits.buckets import Bucket, Demand, Level, Party, PartyKind, Taken
from ragsite.gateway.limits.headers import headers_of
from ragsite.gateway.limits.keeper import PLACES
from ragsite.gateway.limits.limiter import Limiter

WHO = {
    PartyKind.KEY: "The API key",
    PartyKind.USER: "Your account",
    PartyKind.TENANT: "The tenant",
    PartyKind.ADDRESS: "Your address",
}
WHAT = {
    Work.SEARCHES: "searches",
    Work.ANSWERS: "answers",
    Work.UPLOAD_BYTES: "bytes of uploads",
    Work.TOKENS: "tokens that language models write",
    Work.STREAMS: "streamed answers",
    Work.REQUESTS: "requests",
}
WHEN = {Per.MINUTE: "a minute", Per.DAY: "a day", Per.MONTH: "a month", Per.ONCE: "at once"}
LONGEST_JITTER_SECONDS = 30.0


@dataclass(slots=True)
class Spent:
    """What came of a reservation; whoever spends says how much it was."""

    amount: int = 0


class Account:
    """Of one request; its threads may ask at the same moment. One without parties grants everything."""

    def __init__(self, limiter: Limiter, parties: Sequence[Party] = ()) -> None:
        self._limiter, self._parties = limiter, parties
        self._lock = threading.Lock()
        self._levels: dict[Bucket, Level] = {}
        self._taken: dict[Work, tuple[Bucket, ...]] = {}

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of the limits that were asked."""
        with self._lock:
            return headers_of(self._levels.items())

    def take(self, costs: Mapping[Work, int], *, least: Mapping[Work, int] | None = None) -> None:
        """Take what the work costs from every bucket that holds for it, where at least `least` is left.

        Raises:
            LimitReachedError: one has too little; nothing was taken.
            LimitsUnavailableError: it can't be counted, and so nobody is served.
            RequestRefusedError: the database does not answer.
        """
        least = least or {}
        buckets = self._buckets(*costs)
        self._ask([Demand(one, costs[one.kind.work], least.get(one.kind.work, 0)) for one in buckets])
        for work in costs:
            self._taken[work] = tuple(one for one in buckets if one.kind.work is work)

    def correct(self, work: Work, by: int) -> None:
        """So much more was taken in the end than was said at first; less than nothing is given back."""
        if by and work in self._taken:
            self._limiter.change([(one, by) for one in self._taken[work]])

    @contextmanager
    def reserved(self, work: Work, most: int) -> Iterator[Spent]:
        """Take `most` for the block, and give back what it did not spend.

        Raises:
            LimitReachedError, LimitsUnavailableError, RequestRefusedError: as `take`.
        """
        # More than a minute brings is never there: who has all of it may begin, and leaves a debt.
        buckets = self._buckets(work)
        costs = [min(most, one.limit) if one.kind.per is Per.MINUTE else most for one in buckets]
        self._ask([Demand(one, cost) for one, cost in zip(buckets, costs, strict=True)])
        spent = Spent()
        try:
            yield spent
        finally:
            changes = [(one, spent.amount - cost) for one, cost in zip(buckets, costs, strict=True)]
            self._limiter.change([(one, by) for one, by in changes if by])

    @contextmanager
    def place(self) -> Iterator[None]:
        """Have one of the places of streamed answers for the block.

        Raises:
            LimitReachedError, LimitsUnavailableError, RequestRefusedError: as `take`.
        """
        buckets, name = self._buckets(Work.STREAMS), uuid4().hex
        if not buckets:
            yield
            return
        self._ask([Demand(one, 1) for one in buckets], place=name)
        try:
            with PLACES.held([one.key for one in buckets], name):
                yield
        finally:
            self._limiter.places_leave(buckets, name)

    def _buckets(self, *works: Work) -> list[Bucket]:
        now = datetime.now(UTC)
        return [
            Bucket.of(party, kind, now)
            for party in self._parties
            for kind in LIMIT_KINDS
            if kind.work in works and kind in party.limits
        ]

    def _ask(self, demands: Sequence[Demand], *, place: str = "") -> None:
        if not demands:
            return
        try:
            taken = self._limiter.take(demands, place=place)
        except (OperationalError, InterfaceError) as error:
            raise refused_as(database_error(error)) from error
        with self._lock:
            self._levels |= {one.bucket: level for one, level in zip(demands, taken.levels, strict=False)}
        if not taken.is_granted:
            raise _refusal(demands, taken, self.headers)


def _refusal(demands: Sequence[Demand], taken: Taken, headers: Mapping[str, str]) -> LimitReachedError:
    """About the bucket for which one must wait longest."""
    demand, level = max(zip(demands, taken.levels, strict=True), key=lambda one: one[1].wait)
    bucket = demand.bucket
    who, what, when = WHO[bucket.party.kind], WHAT[bucket.kind.work], WHEN[bucket.kind.per]
    wait = level.wait + _jitter(level.wait)
    error = LimitReachedError(
        f"{who} has reached a limit: {bucket.limit:,} {what} {when}.",
        code="quota_exceeded" if bucket.quota else "rate_limited",
        action=(
            f"It begins anew at {bucket.quota.ends:%Y-%m-%d %H:%M} UTC; whoever runs ragsite can raise it."
            if bucket.quota
            else f"Wait {max(1, round(wait))} s, then send it again."
        ),
        retry_after=max(1.0, wait),
    )
    error.headers = headers
    return error


def _jitter(wait: float) -> float:
    """So that those who were refused together do not all come back together."""
    return random.uniform(0, min(LONGEST_JITTER_SECONDS, max(1.0, wait / 10)))  # noqa: S311


_at_hand: ContextVar[Account | None] = ContextVar("account", default=None)


@contextmanager
def account_used(account: Account) -> Iterator[None]:
    """Within the block, and in threads that it starts with its context, this request's account is at hand."""
    token = _at_hand.set(account)
    try:
        yield
    finally:
        _at_hand.reset(token)


@contextmanager
def reserved(work: Work, most: int) -> Iterator[Spent]:
    """As `Account.reserved`, of the request at hand; outside of one nothing is limited."""
    account = _at_hand.get()
    if account is None:
        yield Spent()
        return
    with account.reserved(work, most) as spent:
        yield spent


@contextmanager
def stream_place() -> Iterator[None]:
    """As `Account.place`, of the request at hand; outside of one nothing is limited."""
    account = _at_hand.get()
    if account is None:
        yield
        return
    with account.place():
        yield
