"""Everything that runs behind a queue, as one table.

A job that has rows claims some of them (`FOR UPDATE SKIP LOCKED`, a lease) and works on what it holds; its rows say what
giving up means for one of them. A job without rows runs by the clock, `every` so many seconds, and never twice side by
side. A new job is a row here and a function; see docs/jobs.md.

How a document flows are the first four rows:

    upload ──> parse ──> chunk ──> embed ──> activate ──> READY
"""

from __future__ import annotations

from dataclasses import dataclass

from apps.documents.lifecycle.rows import VersionsOfStage
from apps.documents.lifecycle.stages import ACTIVATE, CHUNK, EMBED, PARSE
from apps.documents.models import VersionStatus
from apps.documents.pictures.rows import ADVICE as PICTURE_ADVICE
from apps.documents.pictures.rows import DRAW, PAGE_PICTURES
from apps.documents.services.bulk.jobs import BULK
from apps.documents.services.bulk.work import BULK_JOBS
from apps.documents.services.deleting import ADVICE as DELETION_ADVICE
from apps.documents.services.deleting import DELETE, DELETIONS
from apps.documents.services.masking import MASK, MASKING_CHANGES
from apps.models.services.tasks import ADVICE as MODEL_ADVICE
from apps.models.services.tasks import MODEL_TASK, MODEL_TASKS
from apps.models.services.tasks import WORK as MODEL_TASK_WORK
from apps.monitoring.alerts.rows import ALERT_DELIVERIES, DELIVER
from apps.monitoring.webhooks.rows import DELIVER as WEBHOOK_DELIVER
from apps.monitoring.webhooks.rows import WEBHOOK_DELIVERIES
from apps.retrieval.erasing.services import ERASE, ERASURES
from apps.retrieval.evaluation.experiments.noting import EXPERIMENT, EXPERIMENTS
from apps.retrieval.evaluation.runs import EVALUATE, EVALUATION_RUNS
from apps.retrieval.index.previewing import CUT_PREVIEW, CUT_PREVIEWS
from apps.retrieval.reindexing.waiting import REINDEX, REINDEXES
from ragsite.core.configuration import ParsingSettings
from ragsite.core.schedule import ScheduledRows
from ragsite.core.work import ADVICE, Advice, LeasedRows
from workers.queues import Queue

TURN_SECONDS = 2.0
"""How long one task takes claim after claim. The last one begins within it, so the limits reckon with it."""


@dataclass(frozen=True, slots=True)
class Job:
    """`work` is a function by its path, as only the worker that runs it may import what it needs.

    With `rows` it is called with what was claimed, up to `claims` of them, and a `Turn` of `seconds`. Without, with the turn
    alone, and says whether something is left. `soft` and `hard` are the seconds a task may take; None on a queue of threads,
    where each call of a model has its deadline. `at_once` is how many such tasks a process of threads runs beside each other.
    """

    name: str
    queue: Queue
    work: str
    rows: LeasedRows | None = None
    claims: int = 1
    soft: int | None = 270
    hard: int | None = 300
    seconds: float = TURN_SECONDS
    every: float | None = None
    at_once: int = 1
    advice: Advice = ADVICE

    @property
    def task(self) -> str:
        """The name of its Celery task."""
        return f"ragsite.{self.name}"

    @property
    def claimed(self) -> LeasedRows:
        """Its rows; of a job without any the one that says who is at it."""
        return self.rows or ScheduledRows(self.name)


S = VersionStatus
INDEXING = "apps.retrieval.index.indexing"
MERGES = "apps.retrieval.index.lexical.merges"
GENERATIONS = "apps.retrieval.index.generations"
STORES = "apps.retrieval.index.stores"
PURGING = "apps.documents.services.purging"
LOGGING = "apps.retrieval.evaluation.experiments"
BULKS = "apps.documents.services.bulk"
ALERTS = "apps.monitoring.alerts"
WEBHOOKS = "apps.monitoring.webhooks"
SMALL_FIRST_SECONDS = 1
"""How long the small files of a claim may be parsed before a large one begins; see `lifecycle/parsing.py`."""

PARSER_SECONDS = ParsingSettings.current().seconds + int(TURN_SECONDS) + SMALL_FIRST_SECONDS
DRAWING_SECONDS = 20
SWEEP_SECONDS = 5.0
PURGE_SECONDS = 20.0

LARGE_FILE = Advice(
    too_slow="Split the document, or ask the operator to give one file more time (RAGSITE_PARSER_SECONDS).",
    too_much_memory="Split the document, or ask the operator to raise RAGSITE_PARSER_MEMORY_MB.",
)
LONG_TEXT = Advice(
    too_slow="Split the document, or choose another chunking strategy: the semantic one asks the embedding model often.",
    too_much_memory=LARGE_FILE.too_much_memory,
)
MANY_CHUNKS = Advice(
    too_slow="Split the document, or retry once the model worker is less busy.",
    too_much_memory="Ask the operator to give the model worker more memory, or to choose a smaller model; then retry.",
)

JOBS: tuple[Job, ...] = (
    Job(
        PARSE, Queue.PARSING, "apps.documents.lifecycle.parsing.versions_parse",
        rows=VersionsOfStage(PARSE, S.UPLOADED, S.PARSED, retry_from=S.UPLOADED), claims=8,
        soft=PARSER_SECONDS, hard=PARSER_SECONDS + 10, advice=LARGE_FILE,
    ),
    Job(
        CHUNK, Queue.CHUNKING, f"{INDEXING}.versions_chunk",
        rows=VersionsOfStage(CHUNK, S.PARSED, S.CHUNKED, retry_from=S.PARSED), claims=16, advice=LONG_TEXT,
    ),
    Job(
        EMBED, Queue.EMBEDDING, f"{INDEXING}.versions_embed",
        rows=VersionsOfStage(EMBED, S.CHUNKED, S.EMBEDDED, retry_from=S.PARSED), claims=32,
        soft=None, hard=None, at_once=2, advice=MANY_CHUNKS,
    ),
    Job(
        ACTIVATE, Queue.MAINTENANCE, f"{INDEXING}.versions_activate",
        rows=VersionsOfStage(ACTIVATE, S.EMBEDDED, S.READY, retry_from=S.PARSED), claims=32, advice=MANY_CHUNKS,
    ),
    Job(
        EVALUATE, Queue.RETRIEVAL, "apps.retrieval.evaluation.runs.evaluation_run_work",
        rows=EVALUATION_RUNS, soft=None, hard=None, seconds=10.0,
    ),
    Job(
        EXPERIMENT, Queue.RETRIEVAL, f"{LOGGING}.work.experiment_work",
        rows=EXPERIMENTS, soft=None, hard=None, seconds=10.0,
    ),
    Job(
        REINDEX, Queue.EMBEDDING, "apps.retrieval.reindexing.work.reindex_work",
        rows=REINDEXES, soft=None, hard=None, seconds=10.0,
    ),
    Job(
        MODEL_TASK, Queue.EMBEDDING, MODEL_TASK_WORK,
        rows=MODEL_TASKS, soft=None, hard=None, seconds=30.0, advice=MODEL_ADVICE,
    ),
    Job(
        DELETE, Queue.MAINTENANCE, "apps.retrieval.index.deleting.knowledge_base_deletion_work",
        rows=DELETIONS, seconds=PURGE_SECONDS, advice=DELETION_ADVICE,
    ),
    Job(
        DRAW, Queue.PARSING, "apps.documents.pictures.drawing.page_picture_draw",
        rows=PAGE_PICTURES, soft=DRAWING_SECONDS, hard=DRAWING_SECONDS + 10, advice=PICTURE_ADVICE,
    ),
    Job(
        CUT_PREVIEW, Queue.CHUNKING, "apps.retrieval.index.preview_work.cut_preview_work",
        rows=CUT_PREVIEWS, advice=LONG_TEXT,
    ),
    Job(
        MASK, Queue.MAINTENANCE, "apps.retrieval.answers.masking.masking_change_work",
        rows=MASKING_CHANGES, seconds=PURGE_SECONDS,
    ),
    Job(
        ERASE, Queue.MAINTENANCE, "apps.retrieval.erasing.services.erasure_work", rows=ERASURES, seconds=PURGE_SECONDS,
    ),
    Job(BULK, Queue.MAINTENANCE, f"{BULKS}.work.bulk_job_work", rows=BULK_JOBS),
    Job(DELIVER, Queue.MAINTENANCE, f"{ALERTS}.delivering.alert_deliver", rows=ALERT_DELIVERIES),
    Job(WEBHOOK_DELIVER, Queue.EVENTS, f"{WEBHOOKS}.delivering.webhook_deliver", rows=WEBHOOK_DELIVERIES),
    Job("sweep", Queue.MAINTENANCE, "workers.sweep.sweep", every=SWEEP_SECONDS, soft=60, hard=90),
    Job("lexical-merge", Queue.MAINTENANCE, f"{MERGES}.lexical_merge", every=SWEEP_SECONDS),
    Job("lexical-repair", Queue.MAINTENANCE, f"{MERGES}.lexical_repair", every=30.0),
    Job("documents-purge", Queue.MAINTENANCE, f"{PURGING}.documents_purge", every=60.0, seconds=PURGE_SECONDS),
    Job("blobs-purge", Queue.MAINTENANCE, f"{PURGING}.blobs_purge", every=600.0, seconds=PURGE_SECONDS),
    Job(
        "blobs-copy", Queue.MAINTENANCE, "apps.documents.services.second_copies.copies_keep", every=30.0,
        seconds=PURGE_SECONDS,
    ),
    Job("pictures-purge", Queue.MAINTENANCE, "apps.documents.pictures.purging.pictures_purge", every=3_600.0),
    Job(
        "cut-previews-purge", Queue.MAINTENANCE, "apps.retrieval.index.previewing.cut_previews_purge", every=600.0,
    ),
    Job("bulk-jobs-purge", Queue.MAINTENANCE, f"{BULKS}.jobs.bulk_jobs_purge", every=3_600.0),
    Job("generations-purge", Queue.MAINTENANCE, f"{GENERATIONS}.generations_of_deleted_purge", every=60.0),
    Job("parts-purge", Queue.MAINTENANCE, "apps.retrieval.index.parts.parts_purge", every=3_600.0),
    Job("generations-discard", Queue.MAINTENANCE, "apps.retrieval.reindexing.dropping.generations_discard", every=60.0),
    Job("stores-follow", Queue.MAINTENANCE, f"{STORES}.following.stores_follow", every=5.0, seconds=PURGE_SECONDS),
    Job("stores-repair", Queue.MAINTENANCE, f"{STORES}.repairing.stores_repair", every=60.0, seconds=PURGE_SECONDS),
    Job("models-follow", Queue.MAINTENANCE, "apps.retrieval.reindexing.following.models_follow", every=30.0),
    Job(
        "standbys-follow", Queue.EMBEDDING, "apps.retrieval.reindexing.standby.standbys_follow",
        every=30.0, soft=None, hard=None, seconds=10.0,
    ),
    Job("experiments-follow", Queue.MAINTENANCE, f"{LOGGING}.noting.experiments_follow", every=600.0),
    # One index is one step, however large.
    Job("generations-index", Queue.MAINTENANCE, f"{GENERATIONS}.generations_index", every=600.0, soft=7_200, hard=7_260),
    Job("idempotency-purge", Queue.MAINTENANCE, "ragsite.gateway.idempotency.idempotency_purge", every=600.0),
    Job("quota-uses-purge", Queue.MAINTENANCE, "ragsite.gateway.limits.quotas.quota_uses_purge", every=86_400.0),
    Job("tokens-purge", Queue.MAINTENANCE, "ragsite.gateway.tokens.token_families_purge", every=3_600.0),
    Job("sign-ins-purge", Queue.MAINTENANCE, "ragsite.gateway.sign_ins.sign_ins_purge", every=3_600.0),
    Job("changes-compact", Queue.MAINTENANCE, "apps.retrieval.answers.cache.state.changes_compact", every=60.0),
    Job(
        "health-check", Queue.MAINTENANCE, "apps.monitoring.deep.checks.health_check", every=30.0, seconds=PURGE_SECONDS,
    ),
    Job("alerts-judge", Queue.MAINTENANCE, f"{ALERTS}.judging.alerts_judge", every=30.0),
    Job("alerts-purge", Queue.MAINTENANCE, f"{ALERTS}.judging.alerts_purge", every=86_400.0),
    Job(
        "analytics-fill", Queue.MAINTENANCE, "apps.monitoring.analytics.filling.analytics_fill",
        every=60.0, seconds=PURGE_SECONDS,
    ),
    Job(
        "webhook-deliveries-purge", Queue.EVENTS, f"{WEBHOOKS}.delivering.webhook_deliveries_purge",
        every=3_600.0, seconds=PURGE_SECONDS,
    ),
    Job("presence-purge", Queue.MAINTENANCE, "ragsite.core.presence.presence_purge", every=3_600.0),
    Job("queues-sample", Queue.MAINTENANCE, "apps.monitoring.performance.performance_sample", every=60.0),
    Job("models-expire", Queue.MAINTENANCE, "apps.models.services.holding.cache_expire", every=15.0),
    Job("audit-seal", Queue.MAINTENANCE, "ragsite.core.audit.sealing.audit_seal", every=30.0),
    Job(
        "audit-prune", Queue.MAINTENANCE, "ragsite.gateway.auditing.retention.audit_prune",
        every=86_400.0, seconds=PURGE_SECONDS,
    ),
    Job("events-purge", Queue.EVENTS, "ragsite.core.outbox_days.outbox_purge", every=600.0, seconds=PURGE_SECONDS),
    Job("inbox-purge", Queue.EVENTS, "ragsite.core.consuming.inbox.inbox_purge", every=3_600.0, seconds=PURGE_SECONDS),
)  # fmt: skip

STAGES: tuple[Job, ...] = tuple(job for job in JOBS if isinstance(job.rows, VersionsOfStage))
"""The jobs that a version passes, in order."""


def job_named(name: str) -> Job:
    """The job of that name."""
    return next(job for job in JOBS if job.name == name)
