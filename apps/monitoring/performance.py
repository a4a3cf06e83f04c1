"""How much waits and is done, once a minute: kept as samples of the queues, and told to others."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Avg, Count, DurationField, ExpressionWrapper, F, Max, Q
from django.db.models.functions import Now

from apps.documents.models import StageOutcome, StageRecord
from apps.monitoring.events import INSTALLATION, PerformanceMetrics, QueueFigures, StageFigures
from ragsite.core.actors import Actor
from ragsite.core.queue_samples import queues_forget, queues_sample
from ragsite.core.samples import sample_tell
from ragsite.core.work import Turn

RECENT = 20_000
"""Stages are looked at among so many of the newest, and not among all: none is found by when it ended."""

MINUTE = timedelta(minutes=1)


def performance_sample(turn: Turn) -> bool:
    """Note how much waits behind each queue, tell others of it, and forget notes that are too old; whether some are left."""
    queues = [QueueFigures(queue=one.queue, waiting=one.waiting, oldest_seconds=one.seconds) for one in queues_sample()]
    told = PerformanceMetrics(installation_id=INSTALLATION, queues=tuple(queues), stages=tuple(stage_figures()))
    sample_tell(told, actor=Actor.of_job("queues-sample"))
    return queues_forget(turn)


def stage_figures() -> list[StageFigures]:
    """Of each stage that a version left within the last minute, in one statement."""
    newest = StageRecord.objects.aggregate(newest=Max("pk"))["newest"] or 0
    ended = StageRecord.objects.filter(pk__gt=newest - RECENT, finished_at__gte=Now() - MINUTE)
    took = Avg(ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField()))
    rows = ended.order_by().values("stage").annotate(
        done=Count("pk", filter=Q(outcome=StageOutcome.DONE)), failed=Count("pk", filter=Q(outcome=StageOutcome.FAILED)),
        took=took,
    )  # fmt: skip
    return [
        StageFigures(stage=row["stage"], done=row["done"], failed=row["failed"], seconds=row["took"].total_seconds())
        for row in rows.order_by("stage")
    ]
