"""The threads on which a web process answers questions that are streamed, and the runs that wait for one.

A run keeps its thread from the first search to the saved answer, so they are few, apart from those of requests, and tenants
take turns. While a model is waited for the thread has no database connection.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import connection

from apps.models.gateway.renewing import Renewal
from apps.retrieval.streaming.events import EventName
from apps.retrieval.streaming.failures import CANCELLED, failed_data
from apps.retrieval.streaming.log import runs_beat
from apps.retrieval.streaming.run import Run
from ragsite.core.configuration import StreamSettings
from ragsite.gateway.admission import RETRY_SECONDS, RUNNING, WAITING
from ragsite.gateway.errors import RequestRefusedError
from ragsite.gateway.turns import Turns
from ragsite.gateway.visits import Caller

KIND = "stream"
"""As the metrics of requests call it."""


@dataclass(slots=True, eq=False)
class _Job:
    run: Run
    caller: Caller
    work: Callable[[], None]
    pulse: AbstractContextManager[None]
    left: Callable[[], object]


class RunPool:
    """Threads are started as they are needed and end when nothing waits. One tenant leaves an eighth of them to the others."""

    def __init__(self, *, threads: int, waiting: int) -> None:
        self._threads, self._most_waiting = threads, waiting
        self._most_of_one = max(1, threads - max(1, threads // 8))
        self._lock = threading.Lock()
        self._waiting: Turns[_Job] = Turns()
        self._running: Counter[str] = Counter()
        self._jobs: dict[UUID, _Job] = {}
        self._renewal = Renewal(self._beat)

    def start(
        self, run: Run, caller: Caller, work: Callable[[], None], *, left: Callable[[], object] = lambda: None
    ) -> None:
        """Do the work when it is its turn, in the context of whoever asks for it. `left` is called when it is over, whether it
        was begun or not.

        Raises:
            RequestRefusedError: too many wait.
        """
        job = _Job(run, caller, partial(copy_context().run, work), self._renewal.of(str(run.answer_id)), left)
        with self._lock:
            self._room_check(caller)
            job.pulse.__enter__()
            self._jobs[run.answer_id] = job
            self._waiting.add(caller, job)
            begun = self._next()
            self._tell()
        if begun is not None:
            threading.Thread(target=self._work, args=(begun,), name="answer", daemon=True).start()

    def run_of(self, answer_id: UUID) -> Run | None:
        """The run of that answer, if it is one of this process that has not ended."""
        job = self._jobs.get(answer_id)
        return job.run if job else None

    def cancel(self, run: Run) -> None:
        """End it: at its next step, or now if it has not begun."""
        run.cancel()
        with self._lock:
            job = self._jobs.get(run.answer_id)
            waits = job is not None and self._waiting.remove(job.caller, job)
            self._tell()
        if job is not None and waits:
            run.tell(EventName.FAILED, failed_data(CANCELLED))
            self._forget(job)

    def _room_check(self, caller: Caller) -> None:
        own, waiting = self._waiting.of_tenant(caller.tenant), len(self._waiting)
        if own >= self._most_waiting - self._most_waiting // 8:
            raise RequestRefusedError(
                f"{own} of your streams wait already.", code="too_many_requests", status=429,
                action="Wait for some of them.", retry_after=RETRY_SECONDS,
            )  # fmt: skip
        if waiting >= self._most_waiting:
            raise RequestRefusedError(
                "Too many streams wait for their turn.", code="busy", status=503,
                action="Try again.", retry_after=RETRY_SECONDS,
            )  # fmt: skip

    def _next(self) -> _Job | None:
        """Take the next job that may begin, with a place for it. The lock is held."""
        if self._running.total() >= self._threads:
            return None
        job = self._waiting.next(lambda tenant: self._running[tenant] < self._most_of_one)
        if job is not None:
            self._running[job.caller.tenant] += 1
        return job

    def _work(self, job: _Job | None) -> None:
        """What a thread does: one job after the other, as long as one may begin."""
        while job is not None:
            try:
                job.work()
            finally:
                connection.close()
                self._leave(job)
            with self._lock:
                job = self._next()
                self._tell()

    def _leave(self, job: _Job) -> None:
        self._forget(job)
        with self._lock:
            self._running.subtract([job.caller.tenant])
            self._running = +self._running
            self._tell()

    def _forget(self, job: _Job) -> None:
        with self._lock:
            self._jobs.pop(job.run.answer_id, None)
        job.pulse.__exit__(None, None, None)
        job.left()

    def _beat(self, keys: Collection[str]) -> None:
        for answer_id in runs_beat([UUID(key) for key in keys]):
            if (run := self.run_of(answer_id)) is not None:
                self.cancel(run)

    def _tell(self) -> None:
        RUNNING.labels(KIND).set(self._running.total())
        WAITING.labels(KIND).set(len(self._waiting))


def _pool() -> RunPool:
    settings = StreamSettings.current()
    return RunPool(threads=settings.at_once, waiting=settings.waiting)


RUNS = _pool()
"""Of this process."""
