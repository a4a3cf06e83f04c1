"""How much waits behind each queue: now, and how it was in the last days, by a sample a minute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Max, Min, QuerySet, TextField, Value
from django.db.models.functions import Now, TruncHour
from django.utils import timezone

from ragsite.core.bites import bites, rows_bite
from ragsite.core.board import QueueOnBoard, board
from ragsite.core.models import QueueSample
from ragsite.core.work import Turn

KEPT_DAYS = 14


@dataclass(frozen=True, slots=True)
class Waits:
    """How many rows of a job a worker could claim, and since when the first of them."""

    number: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class HourOfQueue:
    """The most that waited behind a queue in an hour, and the longest that the first of it had, in seconds."""

    queue: str
    hour: datetime
    waiting: int
    seconds: float


def waits(rows: Iterable[tuple[str, QuerySet[Any]]]) -> dict[str, Waits]:
    """Of rows that wait, by the name of their job: how many there are, of those jobs that have some; in one statement."""
    asked = [_waits_of(name, waiting) for name, waiting in rows]
    found = asked[0].union(*asked[1:], all=True) if asked else ()
    return {name: Waits(number, oldest) for name, number, oldest in found if number}


def queues_sample() -> list[QueueSample]:
    """Note how much waits behind each queue now."""
    queues = board()
    found = waits((job.name, job.rows.waiting()) for queue in queues for job in queue.jobs if job.rows)
    samples = [_sample(queue, found) for queue in queues if any(job.rows for job in queue.jobs)]
    return QueueSample.objects.bulk_create(samples)


def queues_forget(turn: Turn) -> bool:
    """Forget samples that are too old; whether some are left."""
    old = QueueSample.objects.filter(at__lt=Now() - timedelta(days=KEPT_DAYS)).order_by("at")
    return bites(turn, lambda: rows_bite(old))


def queue_hours(*, hours: int) -> list[HourOfQueue]:
    """How it was hour by hour, the present one last; hours of which there is no sample are left out."""
    since = (timezone.now() - timedelta(hours=hours - 1)).replace(minute=0, second=0, microsecond=0)
    by_hour = (
        QueueSample.objects.filter(at__gte=since).annotate(hour=TruncHour("at")).order_by().values("queue", "hour")
    )
    rows = by_hour.annotate(most=Max("waiting"), longest=Max("seconds")).order_by("hour", "queue")
    return [HourOfQueue(*one) for one in rows.values_list("queue", "hour", "most", "longest")]


def _waits_of(job: str, rows: QuerySet[Any]) -> QuerySet[Any]:
    waiting = rows.order_by().annotate(job=Value(job, TextField())).values("job")
    counts: QuerySet[Any] = waiting.annotate(number=models.Count("pk"), oldest=Min("not_before"))
    return counts.values_list("job", "number", "oldest")


def _sample(queue: QueueOnBoard, found: Mapping[str, Waits]) -> QueueSample:
    here = [found[job.name] for job in queue.jobs if job.name in found]
    oldest = min((one.oldest for one in here), default=None)
    seconds = max(0.0, (timezone.now() - oldest).total_seconds()) if oldest else 0.0
    return QueueSample(queue=queue.name, waiting=sum(one.number for one in here), seconds=seconds)
