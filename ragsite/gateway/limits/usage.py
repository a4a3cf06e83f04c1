"""What limits there are for somebody, and what is used of those of a day or month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ragsite.core.limits import LIMIT_KINDS, LimitKind
from ragsite.gateway.limits.buckets import Bucket, Party, PartyKind
from ragsite.gateway.limits.quotas import quotas_used


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit of somebody's; of a quota what was used since it began, as it was written some seconds ago."""

    of: PartyKind
    id: str
    tenant: str
    kind: LimitKind
    limit: int
    used: int | None = None
    begins: datetime | None = None
    ends: datetime | None = None

    @property
    def left(self) -> int | None:
        return None if self.used is None else max(0, self.limit - self.used)

    @property
    def share(self) -> float:
        """Of the quota what is used, up to 1."""
        return min(1.0, (self.used or 0) / self.limit) if self.limit else 1.0


def limits_used(parties: Sequence[Party]) -> list[LimitUse]:
    """All their limits, in the order of the table of limits."""
    now = datetime.now(UTC)
    buckets = [Bucket.of(party, kind, now) for party in parties for kind in LIMIT_KINDS if kind in party.limits]
    used = quotas_used([one.quota for one in buckets if one.quota])
    return [_use(one, used.get(one.quota, 0) if one.quota else None) for one in buckets]


def _use(bucket: Bucket, used: int | None) -> LimitUse:
    party, quota = bucket.party, bucket.quota
    if quota is None:
        return LimitUse(party.kind, party.id, party.tenant, bucket.kind, bucket.limit)
    begins = datetime.combine(quota.begins, datetime.min.time(), tzinfo=UTC)
    return LimitUse(party.kind, party.id, party.tenant, bucket.kind, bucket.limit, used, begins, quota.ends)
