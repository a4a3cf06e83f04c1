"""Takes from buckets in Redis, and while Redis is away as the installation has chosen.

A Redis that does not answer in time is not asked again for a while, so that no request waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from redis.exceptions import RedisError

from ragsite.core.configuration import LimitSettings
from ragsite.core.database import connection_release
from ragsite.core.limits import Per
from ragsite.core.metrics.instruments import counter
from ragsite.gateway.errors import LimitsUnavailableError
from ragsite.gateway.limits.buckets import Bucket, Demand, Store, Taken
from ragsite.gateway.limits.local_store import LocalStore
from ragsite.gateway.limits.quotas import QuotaUses
from ragsite.gateway.limits.redis_store import RedisStore

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 5.0
"""For which a Redis that did not answer in time is not asked."""

WITHOUT_REDIS = counter("ragsite_limits_without_redis_total")


class SharedStore(Store, Protocol):
    """A Store of all processes, which knows how many there are."""

    def processes(self) -> int: ...


class Limiter:
    """Of one process; may be asked by several threads at once."""

    def __init__(self, shared: SharedStore | None = None, local: Store | None = None) -> None:
        self._shared = shared or RedisStore()
        self._local = local or LocalStore()
        self._uses = QuotaUses()
        self._lock = threading.Lock()
        self._not_before = 0.0
        self._processes = 1
        self._counted_apart: set[str] = set()
        """Quotas that this process took from while Redis was away, of which Redis knows too little."""

    def take(self, demands: Sequence[Demand], *, place: str = "") -> Taken:
        """Take from all buckets or from none; `place` names what holds a place.

        Raises:
            LimitsUnavailableError: Redis is away, and nobody may ask for anything without it.
            DatabaseError: what is used of a quota can't be read.
        """
        taken = self._taken(demands, place)
        if taken.is_granted:
            self._note((one.bucket, one.cost) for one in demands)
        return taken

    def change(self, changes: Sequence[tuple[Bucket, int]]) -> None:
        """Take so much more of each bucket, or give back, whether it is there or not."""
        if not changes:
            return
        self._note(changes)
        if not self._is_shared(lambda: self._shared.change(changes)):
            self._local.change(changes)

    def places_leave(self, buckets: Sequence[Bucket], place: str) -> None:
        """The places of that name are free. Where Redis can't be told, they are after a while."""
        keys = [one.key for one in buckets]
        self._local.places_leave(keys, place)
        self._is_shared(lambda: self._shared.places_leave(keys, place))

    def places_hold(self, held: Sequence[tuple[str, str]]) -> None:
        """Whoever holds these places, by the buckets' keys and their names, is still there."""
        if held:
            self._local.places_hold(held)
            self._is_shared(lambda: self._shared.places_hold(held))

    def beat(self) -> None:
        """Say that this process counts, learn how many do, and write what is used of quotas.

        Raises:
            DatabaseError: it can't be written; it is kept for the next time.
        """
        self._is_shared(self._processes_count)
        self.uses_write()
        with self._lock:
            apart = sorted(self._counted_apart)
        # By now it is written what other processes took, too.
        self._local.forget(apart)

    def uses_write(self) -> None:
        """Write what is used of quotas. Raises DatabaseError: it can't be written; it is kept for the next time."""
        self._uses.write()

    def _processes_count(self) -> None:
        self._processes = max(1, self._shared.processes())

    def _taken(self, demands: Sequence[Demand], place: str) -> Taken:
        found: list[Taken] = []
        if self._is_shared(lambda: found.append(self._taken_shared(demands, place))):
            return found[0]
        choice = LimitSettings.current().without_redis
        WITHOUT_REDIS.labels(choice).inc()
        if choice == "closed":
            raise LimitsUnavailableError("What you may still ask for cannot be counted now.", retry_after=PAUSE_SECONDS)
        with self._lock:
            self._counted_apart |= {one.bucket.key for one in demands if one.bucket.quota}
        if choice == "open":
            return Taken(is_granted=True)
        return self._told(self._local, [self._own_share(one) for one in demands], place)

    def _taken_shared(self, demands: Sequence[Demand], place: str) -> Taken:
        with self._lock:
            apart, self._counted_apart = self._counted_apart, set()
        if apart:
            try:
                self._shared.forget(sorted(apart))
            except RedisError:
                with self._lock:
                    self._counted_apart |= apart
                raise
            self._local.forget(sorted(apart))
        return self._told(self._shared, demands, place)

    def _told(self, store: Store, demands: Sequence[Demand], place: str) -> Taken:
        """What the store says, which is told what is used of the quotas that it does not know."""
        taken = store.take(demands, place=place, used={})
        if not taken.unknown:
            return taken
        return store.take(demands, place=place, used=self._used(demands, taken.unknown))

    def _used(self, demands: Iterable[Demand], keys: Sequence[str]) -> Mapping[str, int]:
        quotas = {one.bucket.quota: one.bucket.key for one in demands if one.bucket.quota and one.bucket.key in keys}
        used = {quotas[quota]: used for quota, used in self._uses.used(quotas).items()}
        connection_release()
        return used

    def _own_share(self, demand: Demand) -> Demand:
        """Of what refills and of places each process has its share, by the number that there were when Redis last said so."""
        bucket = demand.bucket
        if bucket.kind.per not in (Per.MINUTE, Per.ONCE) or not bucket.limit:
            return demand
        return replace(demand, bucket=replace(bucket, limit=max(1, bucket.limit // self._processes)))

    def _note(self, changes: Iterable[tuple[Bucket, int]]) -> None:
        for bucket, amount in changes:
            if bucket.quota is not None:
                self._uses.note(bucket.quota, amount)

    def _is_shared(self, ask: Callable[[], object]) -> bool:
        """Ask Redis, unless it was away a moment ago; whether it answered."""
        if time.monotonic() < self._not_before:
            return False
        try:
            ask()
        except RedisError as error:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            logger.warning("Redis does not answer (%s); limits hold as RAGSITE_LIMITS_WITHOUT_REDIS says", error)
            return False
        return True
