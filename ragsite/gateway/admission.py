"""Admission: how many requests of each kind are worked on at once, whose is next, and when one is turned away.

All of it runs on the event loop of the web process, so nothing here is locked. A request is admitted when it has arrived whole,
and leaves when it is rendered: who sends or reads slowly takes no place.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ragsite.core.metrics.instruments import counter, gauge, histogram
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.routes import Capacity, Kind
from ragsite.gateway.turns import Turns
from ragsite.gateway.visits import Caller, Visit

RUNNING = gauge("ragsite_requests_running")
WAITING = gauge("ragsite_requests_waiting")
WAITED = histogram("ragsite_requests_wait_seconds")
TURNED_AWAY = counter("ragsite_requests_turned_away_total")
RETRY_SECONDS = 2.0
"""At least."""

PACE = 8
"""Places that must have become free while others waited before it is known how fast they do."""

Clock = Callable[[], float]


class Admission:
    """A queue for each kind of request."""

    def __init__(self, capacities: Mapping[Kind, Capacity], *, clock: Clock = time.monotonic) -> None:
        self._queues = {kind: _Queue(kind, capacity, clock) for kind, capacity in capacities.items()}

    async def enter(self, visit: Visit) -> None:
        """Returns when the request may be worked on; then `leave` follows. A wait that is cancelled takes no place.

        Raises:
            RequestRefusedError: there is no room, or its turn would not come in time, or did not.
        """
        if not self.enter_at_once(visit):
            await self.wait(visit)

    def enter_at_once(self, visit: Visit) -> bool:
        """Whether the request may be worked on now, after which `leave` follows; else it may wait.

        Raises:
            RequestRefusedError: there is no room, or its turn would not come in time.
        """
        return self._queues[visit.kind].enter_at_once(visit.caller)

    async def wait(self, visit: Visit) -> None:
        """Of a request that could not enter at once: returns when it may be worked on; then `leave` follows. A wait that is
        cancelled takes no place.

        Raises:
            RequestRefusedError: somebody else was given its room, or its turn did not come in time.
        """
        await self._queues[visit.kind].wait(visit.caller)

    def leave(self, visit: Visit) -> None:
        """The work on a request that entered is over."""
        self._queues[visit.kind].leave(visit.caller)


@dataclass(slots=True, eq=False)
class _Ticket:
    caller: Caller
    called: asyncio.Future[None]
    has_place: bool = False


class _Pace:
    """How fast places become free while others wait for them, by the last few."""

    def __init__(self, places: int) -> None:
        self._freed: deque[float] = deque(maxlen=max(PACE, 2 * places))

    def freed(self, now: float) -> None:
        self._freed.append(now)

    def rest(self) -> None:
        """Nobody waits: what comes next is another time."""
        self._freed.clear()

    def seconds(self, now: float) -> float:
        """From one place to the next; 0 while it is not known. It grows while none becomes free."""
        return (now - self._freed[0]) / len(self._freed) if len(self._freed) >= PACE else 0.0


class _Queue:
    """Requests of one kind: those that run, and those that wait."""

    def __init__(self, kind: Kind, capacity: Capacity, clock: Clock) -> None:
        self._kind, self._capacity, self._clock = kind, capacity, clock
        self._running: Counter[str] = Counter()
        self._waiting: Turns[_Ticket] = Turns()
        self._pace = _Pace(capacity.at_once)

    def enter_at_once(self, caller: Caller) -> bool:
        if self._begun(caller):
            return True
        if self._waits(self._waiting.ahead_of(caller) + 1) > self._capacity.wait_seconds:
            raise self._refusal(caller)
        self._room_check(caller)
        return False

    async def wait(self, caller: Caller) -> None:
        # Since it could not enter others may have left, and called nobody, or come.
        if self._begun(caller):
            return
        self._room_check(caller)
        started = self._clock()
        await self._wait(_Ticket(caller, asyncio.get_running_loop().create_future()))
        WAITED.labels(self._kind).observe(self._clock() - started)

    def _begun(self, caller: Caller) -> bool:
        # Nobody is passed by: those that wait while this one may begin do so because their tenant has all it may have.
        if not self._may(caller.tenant):
            return False
        self._begin(caller.tenant)
        WAITED.labels(self._kind).observe(0)
        return True

    def leave(self, caller: Caller) -> None:
        if len(self._waiting):
            self._pace.freed(self._clock())
        else:
            self._pace.rest()
        self._running.subtract([caller.tenant])
        self._running = +self._running  # without the tenants that have none
        while (ticket := self._waiting.next(self._may)) is not None:
            if not ticket.called.done():  # else its client has left, and the one that waits is about to learn of it
                self._begin(ticket.caller.tenant)
                ticket.has_place = True
                ticket.called.set_result(None)
        self._tell()

    def _may(self, tenant: str) -> bool:
        """Whether there is a place, and the tenant does not have all that one may have."""
        at_once = self._running.total()
        return at_once < self._capacity.at_once and self._running[tenant] < self._capacity.at_once_of_one

    def _waits(self, places: int) -> float:
        """Seconds until so many places have become free, as far as it is known."""
        return places * self._pace.seconds(self._clock())

    def _begin(self, tenant: str) -> None:
        self._running[tenant] += 1
        self._tell()

    async def _wait(self, ticket: _Ticket) -> None:
        self._waiting.add(ticket.caller, ticket)
        self._tell()
        try:
            async with asyncio.timeout(self._capacity.wait_seconds):
                await ticket.called
        except TimeoutError:
            self._give_up(ticket)
            raise self._busy() from None
        except asyncio.CancelledError:
            self._give_up(ticket)
            TURNED_AWAY.labels(self._kind, "left").inc()
            raise

    def _give_up(self, ticket: _Ticket) -> None:
        """Its turn may have come in this very moment."""
        if ticket.has_place:
            self.leave(ticket.caller)
        else:
            self._waiting.remove(ticket.caller, ticket)
            self._tell()

    def _room_check(self, caller: Caller) -> None:
        if len(self._waiting) >= self._capacity.waiting:
            self._make_room(caller)

    def _make_room(self, caller: Caller) -> None:
        """Who has most waiting gives room to who has less: among tenants, and among one tenant's keys.

        Raises:
            RequestRefusedError: nobody has more waiting than the caller.
        """
        most = self._waiting.most()
        if self._waiting.of_tenant(most.tenant) <= self._waiting.of_tenant(caller.tenant) + 1:
            most = self._most_of_own(caller)
        refusal, ticket = self._refusal(most), self._waiting.newest(most)
        if not ticket.called.done():
            ticket.called.set_exception(refusal)

    def _most_of_own(self, caller: Caller) -> Caller:
        if self._waiting.of_tenant(caller.tenant):
            most = self._waiting.most_of(caller.tenant)
            if self._waiting.of_key(most) > self._waiting.of_key(caller) + 1:
                return most
        raise self._refusal(caller)

    def _refusal(self, caller: Caller) -> RequestRefusedError:
        """The caller's own fault where half of those that wait are its tenant's."""
        own = self._waiting.of_tenant(caller.tenant)
        if not own or 2 * own < len(self._waiting):
            return self._busy()
        TURNED_AWAY.labels(self._kind, "429").inc()
        return RequestRefusedError(
            f"{own} of your requests of the kind {self._kind.value!r} wait already.",
            code="too_many_requests",
            status=429,
            action="Send fewer at once, and this one again.",
            retry_after=self._retry_after(),
        )

    def _busy(self) -> RequestRefusedError:
        TURNED_AWAY.labels(self._kind, "503").inc()
        return RequestRefusedError(
            f"Too many requests of the kind {self._kind.value!r} are under way.",
            code="busy",
            status=503,
            action="Try again.",
            retry_after=self._retry_after(),
        )

    def _retry_after(self) -> float:
        """Until those that wait now have had their turns."""
        return max(RETRY_SECONDS, min(self._waits(len(self._waiting)), self._capacity.wait_seconds))

    def _tell(self) -> None:
        RUNNING.labels(self._kind).set(self._running.total())
        WAITING.labels(self._kind).set(len(self._waiting))
