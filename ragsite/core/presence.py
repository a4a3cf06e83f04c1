"""Which workers are there and what they listen for, as they say themselves from time to time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db.models.functions import Now

from ragsite.core.bites import bites, rows_bite
from ragsite.core.models import WorkerPresence
from ragsite.core.work import Turn

BEAT_SECONDS = 5.0
GONE_SECONDS = 20.0


def presence_tell(*, worker: str, jobs: Sequence[str]) -> None:
    """Say that a worker is there."""
    WorkerPresence.objects.update_or_create(worker=worker, defaults={"jobs": list(jobs), "seen_at": Now()})


def presence_end(*, worker: str) -> None:
    """Say that a worker is leaving."""
    WorkerPresence.objects.filter(worker=worker).delete()


def workers_listening(job: str) -> int:
    """How many workers that listen for a job were heard of lately."""
    lately = Now() - timedelta(seconds=GONE_SECONDS)
    return WorkerPresence.objects.filter(jobs__contains=[job], seen_at__gte=lately).count()


def jobs_listened_for() -> frozenset[str]:
    """Every job that a worker listens for which was heard of lately."""
    return frozenset(job for jobs in jobs_listening() for job in jobs)


def jobs_listening() -> list[frozenset[str]]:
    """Of each worker that was heard of lately the jobs that it listens for."""
    lately = WorkerPresence.objects.filter(seen_at__gte=Now() - timedelta(seconds=GONE_SECONDS))
    return [frozenset(jobs) for jobs in lately.values_list("jobs", flat=True)]


def presence_purge(turn: Turn) -> bool:
    """Forget the workers that have been gone for a day; whether some are left."""
    gone = WorkerPresence.objects.filter(seen_at__lt=Now() - timedelta(days=1)).order_by("seen_at")
    return bites(turn, lambda: rows_bite(gone))
