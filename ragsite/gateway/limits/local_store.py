"""Limits counted in one process, for the time in which Redis is away. The same rules as `take.lua`."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ragsite.gateway.limits.buckets import MINUTE_SECONDS, PLACE_SECONDS, Bucket, Demand, Level, Taken

MOST_KEPT = 20_000
"""Buckets; of more, those that were not used for longest are let go, and are full again."""

_CLOSE = 1e-6
T = TypeVar("T")


class LocalStore:
    """A Store."""

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._used: OrderedDict[str, int] = OrderedDict()
        self._places: OrderedDict[str, dict[str, float]] = OrderedDict()

    def take(self, demands: Sequence[Demand], *, place: str, used: Mapping[str, int]) -> Taken:
        """See Store."""
        with self._lock:
            now = self._clock()
            unknown = tuple(one.bucket.key for one in demands if self._is_unknown(one.bucket, used))
            if unknown:
                return Taken(is_granted=False, unknown=unknown)
            levels = tuple(self._level(one, now) for one in demands)
            if any(one.wait for one in levels):
                return Taken(is_granted=False, levels=levels)
            for one in demands:
                self._take(one, place, now)
            left = (one.left - demand.cost for one, demand in zip(levels, demands, strict=True))
            return Taken(is_granted=True, levels=tuple(map(Level, left)))

    def change(self, changes: Sequence[tuple[Bucket, int]]) -> None:
        """See Store."""
        with self._lock:
            now = self._clock()
            for bucket, amount in changes:
                if bucket.quota is None:
                    self._fill(bucket, amount, now)
                elif bucket.key in self._used:
                    self._used[bucket.key] = max(0, self._used[bucket.key] + amount)

    def places_leave(self, bucket_keys: Sequence[str], place: str) -> None:
        """See Store."""
        with self._lock:
            for key in bucket_keys:
                self._places.get(key, {}).pop(place, None)

    def places_hold(self, held: Sequence[tuple[str, str]]) -> None:
        """See Store."""
        with self._lock:
            until = self._clock() + PLACE_SECONDS
            for key, place in held:
                if place in self._places.get(key, {}):
                    self._places[key][place] = until

    def forget(self, keys: Sequence[str]) -> None:
        """See Store."""
        with self._lock:
            for key in keys:
                self._used.pop(key, None)

    def _is_unknown(self, bucket: Bucket, used: Mapping[str, int]) -> bool:
        """Of a quota whether nobody tells what is used of it."""
        key = bucket.key
        if bucket.quota is None or key in self._used:
            return False
        if key in used:
            _put(self._used, key, used[key])
        return key not in used

    def _level(self, demand: Demand, now: float) -> Level:
        bucket, needs = demand.bucket, demand.needs
        if bucket.quota is not None:
            left = bucket.limit - self._used[bucket.key]
            wait = max(_CLOSE, bucket.quota.ends.timestamp() - now)
            return Level(left, wait if left < needs or not bucket.limit else 0.0)
        if not bucket.window_seconds:
            left = bucket.limit - len(self._standing(bucket.key, now))
            return Level(left, 1.0 if left < needs or not bucket.limit else 0.0)
        return self._refilled(bucket, min(needs, bucket.limit), now)

    def _refilled(self, bucket: Bucket, least: int, now: float) -> Level:
        if not bucket.limit:
            return Level(0, float(MINUTE_SECONDS))
        interval = MINUTE_SECONDS / bucket.limit
        left = bucket.limit - (max(self._full_at.get(bucket.key, now), now) - now) / interval
        return Level(math.floor(left + _CLOSE), 0.0 if left + _CLOSE >= least else (least - left) * interval)

    def _take(self, demand: Demand, place: str, now: float) -> None:
        bucket = demand.bucket
        if bucket.quota is not None:
            self._used[bucket.key] += demand.cost
        elif bucket.window_seconds:
            self._fill(bucket, demand.cost, now)
        else:
            _put(self._places, bucket.key, self._standing(bucket.key, now) | {place: now + PLACE_SECONDS})

    def _fill(self, bucket: Bucket, amount: int, now: float) -> None:
        if bucket.limit and amount:
            full = max(self._full_at.get(bucket.key, now), now) + amount * MINUTE_SECONDS / bucket.limit
            _put(self._full_at, bucket.key, full)

    def _standing(self, key: str, now: float) -> dict[str, float]:
        return {place: until for place, until in self._places.get(key, {}).items() if until > now}


def _put(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
