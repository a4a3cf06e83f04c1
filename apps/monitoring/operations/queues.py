"""Queues and workers as they are now: what waits, what runs, who is there, in a constant number of queries.

What waits is counted in PostgreSQL, where work is claimed: a message that says there is work counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from circuitbreaker import CircuitBreakerMonitor
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.documents.models import DocumentVersion, KnowledgeBaseDeletion, StageOutcome, StageRecord
from apps.models.models import ModelTask, ModelVersion
from apps.models.services.holding import models_held
from apps.monitoring.operations.tabs import SEES_QUEUES
from apps.monitoring.rows import Count, mine
from apps.monitoring.workspace.place import workspace_url
from apps.retrieval.models import EvaluationRun, Reindex
from ragsite.core.admin.base import row_url
from ragsite.core.board import JobOnBoard, QueueOnBoard, board
from ragsite.core.models import ScheduledJob, WorkerPresence
from ragsite.core.presence import GONE_SECONDS
from ragsite.core.queue_samples import Waits, waits
from ragsite.gateway.roles import AnyUser, looks_by_role, tenants_where

MOST_RUNNING = 20
"""Of each job, that are shown."""

MOST_WORKERS = 200

QUEUE_WORDS: Mapping[str, tuple[str | Promise, str | Promise]] = {
    "parsing": (_("Reading files"), _("New documents wait, and nobody reads them.")),
    "chunking": (_("Cutting texts"), _("Documents that were read wait to be cut into passages.")),
    "embedding": (_("Embedding, and work on models"), _("Documents wait to be embedded, and models to be downloaded.")),
    "retrieval": (
        _("Evaluations, and models for searches"),
        _("Evaluation runs wait, and searches go by words alone."),
    ),
    "generation": (_("Writing answers"), _("Answers are put together from sentences of the documents.")),
    "events": (_("Clearing away events"), _("Events that were sent are not removed.")),
    "maintenance": (
        _("Making documents ready, and housekeeping"),
        _("Documents wait to be made ready, nothing is cleaned up."),
    ),
}
"""What each queue does, and what it means if nobody listens."""

JOB_WORDS: Mapping[str, str | Promise] = {
    "parse": _("Read"), "chunk": _("Cut"), "embed": _("Embed"), "activate": _("Make ready"), "evaluate": _("Evaluate"),
    "reindex": _("Re-index"), "model-task": _("Model"), "delete": _("Delete"), "experiment": _("Tell MLflow"),
    "page-draw": _("Draw a page"), "cut-preview": _("Try cutting"), "masking-apply": _("Mask"), "erase": _("Erase"),
    "bulk": _("Change many"), "alert-deliver": _("Tell of an alert"), "webhook-deliver": _("Tell a webhook"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """How a row of a job is told: the way to its tenant (none: all tenants have it), its name and page, its knowledge base."""

    path: str
    related: tuple[str, ...]
    name: Callable[[Any], str]
    url: Callable[[Any], str]
    base: Callable[[Any], Any] = lambda row: None


SUBJECTS: Mapping[type[Model], Subject] = {
    DocumentVersion: Subject(
        "document__tenant", ("document__knowledge_base",), lambda row: str(row.document.name),
        lambda row: row_url(row.document), lambda row: row.document.knowledge_base,
    ),
    EvaluationRun: Subject(
        "evaluation_set__knowledge_base__tenant", ("evaluation_set__knowledge_base",), str, row_url,
        lambda row: row.evaluation_set.knowledge_base,
    ),
    Reindex: Subject(
        "knowledge_base__tenant", ("knowledge_base",), str, lambda row: workspace_url(row.knowledge_base, "index"),
        lambda row: row.knowledge_base,
    ),
    KnowledgeBaseDeletion: Subject(
        "knowledge_base__tenant", ("knowledge_base",), lambda row: str(row.knowledge_base), row_url,
    ),
    ModelTask: Subject("", (), str, row_url),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker by its name: when it was heard of last, for how many jobs it listens, which models it holds."""

    name: str
    seen_at: datetime
    is_there: bool
    queues: list[str | Promise]
    models: list[str]
    bytes: int


@dataclass(frozen=True, slots=True)
class QueueShown:
    """A queue as it is. `oldest` is since when the first in line could be taken up."""

    name: str
    words: str | Promise
    waiting: Count | None
    """None of one that has no rows: calls to models go through it."""
    oldest: datetime | None
    running: int
    workers: int
    missing: str | Promise
    command: str

    @property
    def is_missing(self) -> bool:
        return self.waiting is not None and not self.workers


@dataclass(frozen=True, slots=True)
class Running:
    """What a worker is at. `name` is empty where the viewer may not see what it is."""

    queue: str
    job: str | Promise
    name: str
    url: str
    base: Any
    worker: str
    since: datetime | None
    attempt: int


@dataclass(frozen=True, slots=True)
class Breaker:
    """A way to a model that this process keeps off until its breaker closes, as calls failed on it."""

    name: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Work:
    """All of it."""

    queues: list[QueueShown]
    running: list[Running]
    workers: list[Worker]
    breakers: list[Breaker]

    @property
    def missing(self) -> list[QueueShown]:
        return [queue for queue in self.queues if queue.is_missing]


Tenants = frozenset[UUID] | None
"""Those whose work is counted; None for all of the installation."""


def tenants_counted(user: AnyUser) -> Tenants:
    """Who sees queues by a role alone sees the work of the tenants in which it is held."""
    return tenants_where(user, SEES_QUEUES) if looks_by_role(user, WorkerPresence) else None


def work_now(request: HttpRequest) -> Work:
    """As it is at this moment; what runs in words that the user may read."""
    queues, tenants = board(), tenants_counted(request.user)
    presences = list(WorkerPresence.objects.order_by("worker")[:MOST_WORKERS])
    alive = [one for one in presences if _is_there(one)]
    running = [
        one for queue in queues for job in queue.jobs if job.rows for one in _running(request, queue, job, tenants)
    ]
    running += _running_by_clock(queues) if tenants is None else []
    found = waits_by_job(queues, tenants)
    shown = [_queue(queue, alive, found, sum(one.queue == queue.name for one in running)) for queue in queues]
    return Work(shown, running, _workers(presences, queues), _breakers())


def queues_waiting(user: AnyUser) -> list[QueueShown]:
    """The queues in which something waits that the user sees counted, the longest first, as of this moment."""
    alive = [one for one in WorkerPresence.objects.order_by("worker")[:MOST_WORKERS] if _is_there(one)]
    queues = board()
    found = waits_by_job(queues, tenants_counted(user))
    shown = [_queue(queue, alive, found, 0) for queue in queues]
    waiting = [(one.waiting.number, one) for one in shown if one.waiting]
    return [one for _number, one in sorted(waiting, key=lambda found: -found[0])]


def _is_there(presence: WorkerPresence) -> bool:
    return timezone.now() - presence.seen_at < timedelta(seconds=GONE_SECONDS)


def _queue(
    queue: QueueOnBoard, alive: Sequence[WorkerPresence], waiting: Mapping[str, Waits], running: int
) -> QueueShown:
    names = {job.name for job in queue.jobs}
    words, missing = QUEUE_WORDS.get(queue.name, (queue.name, ""))
    found = [waiting[name] for name in names & waiting.keys()]
    total = sum(one.number for one in found)
    listening = sum(bool(names.intersection(one.jobs)) for one in alive)
    return QueueShown(
        queue.name, words, Count(total) if names else None, min((one.oldest for one in found), default=None), running,
        listening, missing, queue.command,
    )  # fmt: skip


def waits_by_job(queues: Iterable[QueueOnBoard], tenants: Tenants) -> dict[str, Waits]:
    """What waits of each job of which something does, by the job's name, in one statement."""
    jobs = [(job.name, job.rows) for queue in queues for job in queue.jobs if job.rows]
    return waits((name, _of(tenants, rows.model, rows.waiting())) for name, rows in jobs)


def _of(tenants: Tenants, model: type[Model], rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows of these tenants; none of what all tenants have."""
    if tenants is None:
        return rows
    told = SUBJECTS.get(model)
    return rows.filter(**{f"{told.path}__in": tenants}) if told and told.path else rows.none()


def _running(request: HttpRequest, queue: QueueOnBoard, job: JobOnBoard, tenants: Tenants) -> list[Running]:
    assert job.rows is not None  # noqa: S101 - the caller's condition
    told = SUBJECTS.get(job.rows.model)
    held = _of(tenants, job.rows.model, job.rows.open()).order_by().filter(lease_until__gte=Now())
    rows = list(_since(held.select_related(*(told.related if told else ())))[:MOST_RUNNING])
    seen = _seen(request, job.rows.model, told, rows)
    return [
        Running(
            queue.name, JOB_WORDS.get(job.name, job.name),
            told.name(row) if told and row.pk in seen else "", told.url(row) if told and row.pk in seen else "",
            told.base(row) if told and row.pk in seen else None,
            _worker_of(row.lease_owner), getattr(row, "since", None), row.attempts,
        )
        for row in rows
    ]  # fmt: skip


def _since(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With when the work on each began, where that is noted."""
    if rows.model is not DocumentVersion:
        return rows
    begun = StageRecord.objects.filter(version=OuterRef("pk"), outcome=StageOutcome.RUNNING).order_by("-pk")
    with_since: QuerySet[Any] = rows.annotate(since=Subquery(begun.values("started_at")[:1]))
    return with_since


def _seen(request: HttpRequest, model: Any, told: Subject | None, rows: Sequence[Any]) -> set[Any]:
    """Of these rows those that the user may look at."""
    if told is None:
        return set()
    among = model._default_manager.filter(pk__in=[row.pk for row in rows])
    return set((mine(request, among, path=told.path) if told.path else among).values_list("pk", flat=True))


def _running_by_clock(queues: Iterable[QueueOnBoard]) -> list[Running]:
    queue_of = {job.name: queue.name for queue in queues for job in queue.jobs}
    held = ScheduledJob.objects.filter(lease_until__gte=Now()).order_by("name")
    return [
        Running(queue_of.get(row.name, ""), row.name, gettext("by the clock"), row_url(row), None,
                _worker_of(row.lease_owner), row.started_at, row.attempts)
        for row in held
    ]  # fmt: skip


def _worker_of(owner: str) -> str:
    """Host and process of who holds a claim, whose name is `host:process:claim`."""
    return owner.rpartition(":")[0] or owner


def _workers(presences: Sequence[WorkerPresence], queues: Sequence[QueueOnBoard]) -> list[Worker]:
    held: dict[str, list[Any]] = {}
    for one in models_held().order_by("worker", "-last_used_at"):
        held.setdefault(one.worker, []).append(one)
    return [_worker(one, queues, held.get(one.worker, [])) for one in presences]


def _worker(presence: WorkerPresence, queues: Sequence[QueueOnBoard], held: Sequence[Any]) -> Worker:
    jobs = set(presence.jobs)
    listens = [QUEUE_WORDS.get(one.name, (one.name, ""))[0] for one in queues if jobs & {job.name for job in one.jobs}]
    models = [str(one.version.model) for one in held]
    return Worker(
        presence.worker, presence.seen_at, _is_there(presence), listens, models, sum(one.bytes for one in held)
    )


def _breakers() -> list[Breaker]:
    """The open ones of this process. Each process has its own."""
    opened = list(CircuitBreakerMonitor.get_open())
    versions = [one.name.rpartition(" ")[2] for one in opened]
    named = {str(one.pk): str(one) for one in ModelVersion.objects.filter(pk__in=versions).select_related("model")}
    return [
        Breaker(named.get(version, one.name), max(0, round(one.open_remaining)))
        for one, version in zip(opened, versions, strict=True)
    ]
