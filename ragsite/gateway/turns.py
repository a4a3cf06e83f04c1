"""Whose turn it is among those that wait: tenants in turn, and within a tenant its keys."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ragsite.gateway.visits import Caller

T = TypeVar("T")


class Turns(Generic[T]):
    """Things that wait, each for a caller. Who had a turn goes behind the others."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[str, deque[T]]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def of_tenant(self, tenant: str) -> int:
        """How many wait for the tenant."""
        return sum(len(things) for things in self._waiting.get(tenant, {}).values())

    def of_key(self, caller: Caller) -> int:
        """How many wait for the key."""
        return len(self._waiting.get(caller.tenant, {}).get(caller.key, ()))

    def most(self) -> Caller:
        """For whom most wait: a key of the tenant for which most do. Something must wait."""
        return self.most_of(max(self._waiting, key=self.of_tenant))

    def most_of(self, tenant: str) -> Caller:
        """The tenant's key for which most wait. Something must wait for the tenant."""
        keys = self._waiting[tenant]
        return Caller(tenant, max(keys, key=lambda key: len(keys[key])))

    def ahead_of(self, caller: Caller) -> int:
        """How many of those that wait will be called before one that comes now for the caller, at least."""
        keys = self._waiting.get(caller.tenant, {})
        own = self.of_key(caller)
        of_tenant = sum(min(len(things), own) for things in keys.values())
        others = (self.of_tenant(tenant) for tenant in self._waiting if tenant != caller.tenant)
        return of_tenant + sum(min(waiting, of_tenant) for waiting in others)

    def add(self, caller: Caller, thing: T) -> None:
        self._waiting.setdefault(caller.tenant, {}).setdefault(caller.key, deque()).append(thing)
        self._length += 1

    def remove(self, caller: Caller, thing: T) -> bool:
        """The thing waits no longer; whether it did."""
        things = self._waiting.get(caller.tenant, {}).get(caller.key, deque())
        if thing not in things:
            return False
        things.remove(thing)
        self._taken_from(caller)
        return True

    def newest(self, caller: Caller) -> T:
        """Take what came last for the caller, for whom something waits."""
        thing = self._waiting[caller.tenant][caller.key].pop()
        self._taken_from(caller)
        return thing

    def next(self, may: Callable[[str], bool]) -> T | None:
        """Take what is next of the first tenant that may; None if there is nothing."""
        tenant = next(filter(may, self._waiting), None)
        if tenant is None:
            return None
        keys = self._waiting.pop(tenant)
        key = next(iter(keys))
        things = keys.pop(key)
        thing = things.popleft()
        keys[key] = things
        self._waiting[tenant] = keys
        self._taken_from(Caller(tenant, key))
        return thing

    def _taken_from(self, caller: Caller) -> None:
        self._length -= 1
        keys = self._waiting[caller.tenant]
        if not keys[caller.key]:
            del keys[caller.key]
        if not keys:
            del self._waiting[caller.tenant]
