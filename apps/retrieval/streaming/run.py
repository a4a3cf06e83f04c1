"""A question that is being answered: its events so far, and who reads along."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from uuid import UUID

from apps.retrieval.streaming.events import EventName, StreamEvent
from apps.retrieval.streaming.log import EventLog, log_follow
from ragsite.core.audience import Client

KEPT_EVENTS = 256
"""In memory, of one run. A reader that is further behind goes on from the log."""


class Run:
    """One thread tells events, readers on event loops take them at their own pace. Nobody waits for a reader."""

    def __init__(self, answer_id: UUID, *, asker: str) -> None:
        self.answer_id, self.asker = answer_id, asker
        self.client = Client()
        """For whom the work is done; once it has left, no model is asked further."""
        self.log = EventLog(answer_id)
        self._events: deque[StreamEvent] = deque(maxlen=KEPT_EVENTS)
        self._wakers: set[Callable[[], object]] = set()
        self._lock = threading.Lock()

    def open(self, created: str) -> None:
        """The first event, which is told before there is a thread for the others."""
        self.log.open(self.asker)
        self.tell(EventName.CREATED, created)

    @property
    def is_over(self) -> bool:
        return bool(self._events) and self._events[-1].is_last

    def cancel(self) -> None:
        """Let the work end at its next step."""
        self.client.has_left = True

    def tell(self, name: EventName, data: str) -> None:
        """Add an event, for those who read along and for the log. After the last one nothing more is told."""
        if self.is_over:
            return
        event = StreamEvent(self._events[-1].number + 1 if self._events else 1, name, data)
        with self._lock:
            self._events.append(event)
            wakers = list(self._wakers)
        for wake in wakers:
            # The reader's event loop may have ended with its reader.
            with suppress(RuntimeError):
                wake()
        self.log.append(event)

    async def follow(self, *, after: int = 0, patience: float = 15.0) -> AsyncGenerator[StreamEvent | None, None]:
        """The events after that number, until the last one; None where there was nothing for that many seconds."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        with self._waking(lambda: loop.call_soon_threadsafe(woken.set)):
            while True:
                woken.clear()
                events = self._after(after)
                if events is None:
                    break
                for event in events:
                    after = event.number
                    yield event
                    if event.is_last:
                        return
                if not events and not await _set_within(woken, patience):
                    yield None
        async with aclosing(log_follow(self.answer_id, after)) as missed:
            async for later in missed:
                yield later

    def _after(self, number: int) -> list[StreamEvent] | None:
        """What is kept of the events after that number; None if the next one is kept no more."""
        with self._lock:
            if self._events and self._events[0].number > number + 1:
                return None
            return [event for event in self._events if event.number > number]

    @contextmanager
    def _waking(self, wake: Callable[[], object]) -> Iterator[None]:
        with self._lock:
            self._wakers.add(wake)
        try:
            yield
        finally:
            with self._lock:
                self._wakers.discard(wake)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
