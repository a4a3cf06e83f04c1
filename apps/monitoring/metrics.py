"""The web process's metrics: its own, and what it reads in PostgreSQL when Prometheus asks, so that all are told once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.db import connection, models, transaction
from django.db.models import Count, Min, Q, TextField, Value
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import REGISTRY

from apps.models.gateway.measuring import BREAKERS
from apps.monitoring.models import OPEN_ALERTS, Alert, HealthCheck, HealthState, Severity
from apps.monitoring.operations.queues import waits_by_job
from apps.retrieval.models import StoredVersion
from ragsite.core.board import QueueOnBoard, board
from ragsite.core.metrics.readings import READINGS, Reading, Source
from ragsite.core.metrics.serving import registry_complete
from ragsite.core.models import ScheduledJob, WorkerPresence
from ragsite.core.outbox import outbox_waiting
from ragsite.core.presence import jobs_listening
from ragsite.core.work import LeasedRows

KEPT_SECONDS = 5.0
"""However often Prometheus asks, the database is asked no more often."""

GRAVITY = {HealthState.OK: 0, HealthState.DEGRADED: 1, HealthState.FAILED: 2}

STATEMENT_MILLISECONDS = 2_000
"""A database that takes longer shall not be asked for how it is."""


def metrics_view(request: HttpRequest) -> HttpResponse:
    """What this process counts, and how the installation is."""
    READINGS.add(BREAKERS)
    READINGS.add(DATABASE)
    registry_complete(REGISTRY)
    answer: HttpResponse = ExportToDjangoView(request)
    answer["Cache-Control"] = "no-store"
    return answer


def database_read(*, milliseconds: int = STATEMENT_MILLISECONDS) -> list[Reading]:
    """Queues, jobs of the clock and the outbox as they are, in a constant number of queries, each within so many milliseconds.

    Raises:
        Error: the database does not answer, or not soon.
    """
    queues = board()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {int(milliseconds)}")
        of_work = [*_waiting(queues), *_running(queues), *_workers(queues), *_scheduled(queues)]
        return [*of_work, *_outbox(), *_stores(), *_health(), *_alerts()]


DATABASE = Source("database", lambda: database_read(milliseconds=STATEMENT_MILLISECONDS), kept_seconds=KEPT_SECONDS)


def _waiting(queues: Iterable[QueueOnBoard]) -> Iterator[Reading]:
    waits = waits_by_job(queues, None)
    for queue, job, _ in _with_rows(queues):
        found = waits.get(job)
        yield Reading("ragsite_queue_waiting", found.number if found else 0, (queue, job))
        yield Reading("ragsite_queue_oldest_seconds", _age(found.oldest) if found else 0, (queue, job))


def _running(queues: Iterable[QueueOnBoard]) -> Iterator[Reading]:
    asked = [_held(job, rows) for _, job, rows in _with_rows(queues)]
    held: dict[str, int] = dict(asked[0].union(*asked[1:], all=True)) if asked else {}
    for queue, job, _ in _with_rows(queues):
        yield Reading("ragsite_queue_running", held.get(job, 0), (queue, job))


def _held(job: str, rows: LeasedRows) -> models.QuerySet[WorkerPresence, tuple[str, int]]:
    held = rows.open().order_by().filter(lease_until__gte=Now()).annotate(job=Value(job, TextField())).values("job")
    counted: models.QuerySet[WorkerPresence, tuple[str, int]] = held.annotate(number=Count("pk")).values_list(
        "job", "number"
    )
    return counted


def _workers(queues: Iterable[QueueOnBoard]) -> Iterator[Reading]:
    listening = jobs_listening()
    for queue in queues:
        names = {job.name for job in queue.jobs}
        if names:
            yield Reading("ragsite_queue_workers", sum(bool(names & jobs) for jobs in listening), (queue.name,))


def _scheduled(queues: Iterable[QueueOnBoard]) -> Iterator[Reading]:
    by_clock = {job.name for queue in queues for job in queue.jobs if job.rows is None}
    jobs = ScheduledJob.objects.filter(name__in=by_clock)
    for name, finished_at, error in jobs.values_list("name", "finished_at", "error"):
        yield Reading("ragsite_scheduled_job_failing", bool(error), (name,))
        if finished_at is not None:
            yield Reading("ragsite_scheduled_job_age_seconds", _age(finished_at), (name,))


def _outbox() -> Iterator[Reading]:
    found = outbox_waiting().aggregate(
        waiting=Count("pk"), failing=Count("pk", filter=Q(attempts__gt=0)), oldest=Min("created_at")
    )
    yield Reading("ragsite_outbox_waiting", found["waiting"])
    yield Reading("ragsite_outbox_failing", found["failing"])
    yield Reading("ragsite_outbox_oldest_seconds", _age(found["oldest"]))


def _stores() -> Iterator[Reading]:
    yield Reading("ragsite_vector_store_waiting", StoredVersion.objects.filter(settles_at=None).count())


def _health() -> Iterator[Reading]:
    worst: dict[str, int] = {}
    for name, state in HealthCheck.objects.values_list("name", "state"):
        worst[name] = max(worst.get(name, 0), GRAVITY[HealthState(state)])
    for name, value in worst.items():
        yield Reading("ragsite_health_state", value, (name,))


def _alerts() -> Iterator[Reading]:
    counts = Counter(Alert.objects.filter(state__in=OPEN_ALERTS).values_list("severity", flat=True))
    for severity in Severity:
        yield Reading("ragsite_alerts_open", counts[severity], (severity,))


def _with_rows(queues: Iterable[QueueOnBoard]) -> Iterator[tuple[str, str, LeasedRows]]:
    for queue in queues:
        for job in queue.jobs:
            if job.rows is not None:
                yield queue.name, job.name, job.rows


def _age(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (timezone.now() - since).total_seconds())
