"""How a batch is shared out among the versions that wait for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

LEAST = 16
"""Each tenant may have this part of a batch, one in so many, however many share it: of the stage's 256 chunks as many as a
document of two pages has, which is therefore never divided for the others' sake."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How many chunks of a version wait."""

    version_id: UUID
    tenant_id: UUID
    chunks: int


def least_share(size: int) -> int:
    """Chunks of a batch of `size` that each tenant may have, however many share it."""
    return max(1, size // LEAST)


def batch_shares(demands: Sequence[Demand], *, size: int) -> dict[UUID, int]:
    """How many chunks of each version a batch of about `size` takes; versions that get none are left out.

    Tenants share alike, and what one does not need goes to the others. Of a tenant's share half is for the version that is
    first among its `demands`, so that none waits for ever; the rest is for its shortest, so that they don't wait for long.
    """
    of_tenant: dict[UUID, list[Demand]] = {}
    for demand in demands:
        of_tenant.setdefault(demand.tenant_id, []).append(demand)
    shared = max(size, least_share(size) * len(of_tenant))
    totals = {tenant: sum(demand.chunks for demand in own) for tenant, own in of_tenant.items()}
    shares: dict[UUID, int] = {}
    for tenant, share in _evenly(totals, shared).items():
        shares |= _within(of_tenant[tenant], share)
    return shares


def _evenly(wanted: dict[UUID, int], size: int) -> dict[UUID, int]:
    """Who wants least is served first; of what is left each of those who are left may have the same."""
    given: dict[UUID, int] = {}
    for number, (key, want) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        given[key] = min(want, (size - sum(given.values())) // (len(wanted) - number))
    return given


def _within(demands: Sequence[Demand], share: int) -> dict[UUID, int]:
    first, *others = demands
    given = {first.version_id: min(first.chunks, -(-share // 2))}
    for demand in sorted(others, key=lambda demand: demand.chunks):
        given[demand.version_id] = min(demand.chunks, share - sum(given.values()))
    given[first.version_id] = min(first.chunks, share - sum(given.values()) + given[first.version_id])
    return {version_id: chunks for version_id, chunks in given.items() if chunks}
