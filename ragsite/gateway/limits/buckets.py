"""What a request takes from: a bucket that refills, a quota of a day or month, or places that are free again later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol

from ragsite.core.limits import LimitKind, Limits, Per, Work

PREFIX = "rag:limit"
MINUTE_SECONDS = 60
PLACE_SECONDS = 30.0
"""So long a place of a process that died is not free."""


class PartyKind(StrEnum):
    """Whose limits are meant."""

    KEY = "key"
    USER = "user"
    TENANT = "tenant"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with limits of their own. `tenant` is empty for addresses, and for people in all their tenants together."""

    kind: PartyKind
    id: str
    tenant: str
    limits: Limits = field(compare=False)

    @property
    def whose(self) -> str:
        """As counters are called."""
        return f"{self.kind}:{self.id}" if self.id else self.kind.value


@dataclass(frozen=True, slots=True)
class Quota:
    """A day or month of one party's work: what is used of it is kept in PostgreSQL, too."""

    tenant: str
    whose: str
    work: Work
    per: Per
    begins: date

    @classmethod
    def at(cls, party: Party, kind: LimitKind, now: datetime) -> Quota:
        """The one at that moment."""
        return cls(party.tenant, party.whose, kind.work, kind.per, period_of(kind.per, now.date()))

    @property
    def ends(self) -> datetime:
        """When the next one begins, in UTC."""
        following = self.begins + timedelta(days=1)
        if self.per is Per.MONTH:
            following = (self.begins.replace(day=1) + timedelta(days=32)).replace(day=1)
        return datetime.combine(following, time.min, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit of one party, at this moment."""

    party: Party
    kind: LimitKind
    limit: int
    quota: Quota | None = None

    @classmethod
    def of(cls, party: Party, kind: LimitKind, now: datetime) -> Bucket:
        """That of the party's limit of this kind."""
        is_quota = kind.per in (Per.DAY, Per.MONTH)
        return cls(party, kind, party.limits[kind], Quota.at(party, kind, now) if is_quota else None)

    @property
    def key(self) -> str:
        """Where it is counted."""
        when = self.quota.begins.isoformat() if self.quota else self.kind.per.value
        return f"{PREFIX}:{self.party.tenant}:{self.party.whose}:{self.kind.work}:{when}:{self.kind.per}"

    @property
    def policy(self) -> str:
        """Its name in headers."""
        return f"{self.party.kind}-{self.kind.work}-{self.kind.per}".replace("_", "-")

    @property
    def window_seconds(self) -> int:
        """The time that the limit is for; 0 for places."""
        if self.quota is not None:
            begins = datetime.combine(self.quota.begins, time.min, tzinfo=UTC)
            return int((self.quota.ends - begins).total_seconds())
        return MINUTE_SECONDS if self.kind.per is Per.MINUTE else 0


@dataclass(frozen=True, slots=True)
class Demand:
    """So much is taken from a bucket, if at least `least` is there."""

    bucket: Bucket
    cost: int
    least: int = 0

    @property
    def needs(self) -> int:
        return max(self.cost, self.least)


@dataclass(frozen=True, slots=True)
class Level:
    """What is left in a bucket, and in how many seconds there would have been enough; 0 if there was."""

    left: int
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether all buckets had enough, so that all were taken from, or none was; with each one's level.

    `unknown` are the keys of quotas of which the store does not know what is used: nothing was taken, tell it and ask again.
    """

    is_granted: bool
    levels: tuple[Level, ...] = ()
    unknown: tuple[str, ...] = ()


class Store(Protocol):
    """Counts. Takes from several buckets in one step that nothing comes between."""

    def take(self, demands: Sequence[Demand], *, place: str, used: Mapping[str, int]) -> Taken:
        """Take from all or from none. `place` names what holds a place; `used` tells what is used of quotas, by key."""
        ...

    def change(self, changes: Sequence[tuple[Bucket, int]]) -> None:
        """Take so much more of each, whether it is there or not; less than nothing gives back."""
        ...

    def places_leave(self, bucket_keys: Sequence[str], place: str) -> None:
        """The places of that name are free."""
        ...

    def places_hold(self, held: Sequence[tuple[str, str]]) -> None:
        """Whoever holds these places, by key and name, is still there."""
        ...

    def forget(self, keys: Sequence[str]) -> None:
        """What is known of these quotas is out of date."""
        ...


def period_of(per: Per, day: date) -> date:
    """The first day of the day's or month's quota."""
    return day.replace(day=1) if per is Per.MONTH else day
