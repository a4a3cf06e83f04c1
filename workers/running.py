"""Running jobs: a claim, or a turn of claim after claim. The same for every job. A worker process that was
asked to end finishes what it holds and takes nothing new.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import worker_shutting_down
from django.db.models import Q
from django.utils.module_loading import import_string

from ragsite.core.jobs import ring
from ragsite.core.metrics.instruments import histogram
from ragsite.core.work import ANY, Turn, rows_work
from workers.jobs import JOBS, Job
from workers.observing import job_observed

GATHER_SECONDS = 0.2
"""How long rows may gather before the last look: a claim of several costs less than one each."""

SECONDS = histogram("ragsite_job_seconds")

_asked = threading.Event()


@worker_shutting_down.connect
def leave(**_: Any) -> None:
    """Celery's signal, sent as SIGTERM arrives."""
    _asked.set()


def is_leaving() -> bool:
    """Whether to take no more work."""
    return _asked.is_set()


_places = {job.name: threading.BoundedSemaphore(job.at_once) for job in JOBS}


def job_run(job: Job, *, turn: Turn | None = None, among: Q = ANY) -> bool:
    """Claim once, of the rows that `among` names, and work; whether it may be worth to do so again at once."""
    turn = turn or Turn.of(job.seconds, leaves=is_leaving)
    if job.rows is None:
        return _scheduled_run(job, turn)
    work = _measured(job, import_string(job.work))
    return rows_work(job.rows, work, turn=turn, advice=job.advice, limit=job.claims, among=among)


def job_turn(job: Job) -> None:
    """Work claim after claim until none is left, or until others of the queue shall have their turn; then ring for the rest.

    A ring that finds all places of the job taken is dropped: who holds one looks once more after letting go. A worker that
    was asked to end leaves the rest to others: a long backlog would outlast the patience it is given.
    """
    turn = Turn.of(job.seconds, leaves=is_leaving)
    if job.rows is None:
        _scheduled_turn(job, turn)
        return
    while not is_leaving() and job.rows.waiting().exists():
        if turn.is_over():
            ring(job.name)
            return
        with _place(job) as taken:
            if not taken:
                return
            while not turn.is_over() and job_run(job, turn=turn):
                pass
        time.sleep(GATHER_SECONDS)


def _scheduled_turn(job: Job, turn: Turn) -> None:
    with _place(job) as taken:
        left = taken and not is_leaving() and _scheduled_run(job, turn)
    if left:
        ring(job.name)


def _scheduled_run(job: Job, turn: Turn) -> bool:
    """Run the job, unless somebody is at it; whether it left something."""
    left: list[Any] = []
    work = _measured(job, import_string(job.work))
    rows_work(job.claimed, lambda _claim, turn: left.append(work(turn)), turn=turn, advice=job.advice)
    return any(left)


def _measured(job: Job, work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, whose seconds are measured, whatever comes of it, and which is told of in the log and in traces."""

    def run(*given: Any) -> Any:
        with job_observed(job, given[-1]), SECONDS.labels(job.name).time():
            return work(*given)

    return run


@contextmanager
def _place(job: Job) -> Iterator[bool]:
    """One of the job's places in this process, if one is free."""
    place = _places[job.name]
    taken = place.acquire(blocking=False)
    try:
        yield taken
    finally:
        if taken:
            place.release()
