"""What deep checks try. Each trial returns where all is well, and else raises an error that says what mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import redis
from django.db.models import Min
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.documents.models import LIVING, Chunk, Document
from apps.documents.paired_blobs import second_store
from apps.documents.services.second_copies import second_store_state
from apps.documents.upload_limits import storage_errors
from apps.models.gateway import Deadline, Purpose, TextRole, embed, generate, read, rerank
from apps.models.generation import GenerationOptions, Message, Role
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.selectors import model_default, reader_default, reranker_default, writer_in_use
from apps.monitoring.analytics.opening import store_for_reading
from apps.monitoring.models import HealthState
from apps.retrieval.evaluation.searching import scope_of
from apps.retrieval.index.stores.choosing import milvus_store
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.request import SearchRequest
from ragsite.core.board import QueueOnBoard, board
from ragsite.core.configuration import (
    AnalyticsSettings,
    SearchSettings,
    ServerSettings,
    StorageSettings,
    VectorSettings,
)
from ragsite.core.errors import ServiceUnavailableError
from ragsite.core.ids import new_id
from ragsite.core.outbox import outbox_waiting
from ragsite.core.presence import jobs_listening

QUESTION_CHARACTERS = 200
FOUND_AMONG = 10
MODEL_SECONDS = 20.0
REDIS_SECONDS = 2.0
LATE_SECONDS = 300.0
"""After so long an event that was not sent is told of."""

NO_STORE = "None is configured beside PostgreSQL."
NO_EVENTS = "None is configured, so events go nowhere."
NO_SECOND_STORAGE = "None is configured, so files are in one place only."
ABSENT = frozenset({NO_STORE, NO_EVENTS, NO_SECOND_STORAGE})
"""What is said of parts that need not be there, and are not."""

FIRST_COPIES = "The files that were there before are being copied."
FULL, NEARLY_FULL = 0.03, 0.10
"""Shares of a disk that are free."""


@dataclass(frozen=True, slots=True)
class Trial:
    """`run` may say something of a part that is fine; `worst` is how the part is where the trial fails."""

    subject: str
    run: Callable[[], str | None]
    worst: HealthState = HealthState.FAILED


def one(run: Callable[[], str | None], *, worst: HealthState = HealthState.FAILED) -> Callable[[], Iterator[Trial]]:
    """Of a check that tries one thing."""
    return lambda: iter([Trial("", run, worst)])


def reports() -> None:
    """Ask ClickHouse, if one is set up.

    Raises:
        AnalyticsUnavailableError: it does not answer.
    """
    if AnalyticsSettings.current().url:
        store_for_reading().rows("SELECT count() FROM queries WHERE at > now() - INTERVAL 1 HOUR", {})


def second_storage() -> str:
    """Ask the second store for uploads, if there is one, and look whether it has what it should.

    Raises:
        TransientError: it does not answer.
        ServiceUnavailableError: copies are late, or can't be made.
    """
    state, store = second_store_state(), second_store()
    if state is None or store is None:
        return NO_SECOND_STORAGE
    with storage_errors():
        store.check()
    if state.late:
        raise ServiceUnavailableError(
            f"{state.late:,} files that were uploaded more than 15 minutes ago have no copy.",
            action="See on the page of jobs why the job blobs-copy does not get on.",
        )
    if state.is_old:
        raise ServiceUnavailableError(
            "Files and their copies have not been compared for more than a day.",
            action="See on the page of jobs why the job blobs-copy does not get on.",
        )
    if state.faulty:
        raise ServiceUnavailableError(
            f"{state.faulty:,} files can't be copied: the first storage has lost or damaged them.",
            action="Bring them back from a backup, or upload them again.",
        )
    return "" if state.compared_at else FIRST_COPIES


def vector_store() -> str:
    """Ask the vector store beside PostgreSQL, if one is set up.

    Raises:
        StoreAwayError: it does not answer.
    """
    if not VectorSettings.current().milvus_url:
        return NO_STORE
    milvus_store().check()
    return ""


def known_query() -> None:
    """Ask for the newest document that everybody reads by its own words. Without a document there is nothing to find.

    Raises:
        ServiceUnavailableError: it is not among what is found first.
    """
    documents = Document.objects.filter(LIVING, restricted=False, current_version__isnull=False).order_by("-id")
    document = documents.select_related("knowledge_base").first()
    chunk = Chunk.objects.filter(version=document.current_version_id).order_by("pk").first() if document else None
    if document is None or chunk is None:
        return
    request = SearchRequest(chunk.text[:QUESTION_CHARACTERS], top_k=FOUND_AMONG)
    deadline = Deadline.after(SearchSettings.current().seconds)
    found = retrieve(request, scope=scope_of(document.knowledge_base), deadline=deadline).passages
    if not any(passage.document_id == document.pk or passage.text == chunk.text for passage in found):
        raise ServiceUnavailableError(
            "A document is not found by its own words.",
            action="Look at the index of its knowledge base, and at the log of the web process.",
        )


def cache() -> None:
    """Keep a value in Redis and get it back.

    Raises:
        ServiceUnavailableError: something else comes back, or Redis refuses to keep it.
    """
    key, value = f"rag:health:{new_id()}", str(new_id())
    retry = Retry(NoBackoff(), 0)
    url, seconds = ServerSettings.current().redis_url, REDIS_SECONDS
    try:
        with redis.Redis.from_url(url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=retry) as client:
            client.set(key, value, ex=10)
            kept = client.get(key)
    except redis.RedisError as error:
        raise ServiceUnavailableError(
            "Redis keeps nothing.", action="Start it, or give it more memory: see its log."
        ) from error
    if kept != value.encode():
        raise ServiceUnavailableError("Redis forgets at once what it was given.", action="Look at its settings.")


def models() -> Iterator[Trial]:
    """Each model that is in use."""
    in_use = (model_default(ModelKind.EMBEDDING), reranker_default(), reader_default(), writer_in_use())
    for model in in_use:
        if model is not None:
            worst = HealthState.FAILED if model.kind == ModelKind.EMBEDDING else HealthState.DEGRADED
            yield Trial(f"{model.kind}: {model.name}"[:200], partial(model_asked, model), worst)


def model_asked(model: InstalledModel) -> None:
    """Ask a model for as little as it can do.

    Raises:
        RagError: it did not answer in time, or can't be used.
    """
    deadline, purpose = Deadline.after(MODEL_SECONDS), Purpose.QUERY
    match model.kind:
        case ModelKind.EMBEDDING:
            assert isinstance(model, EmbeddingModel)  # noqa: S101 - its kind says so
            embed(["ready"], role=TextRole.QUERY, model=model, purpose=purpose, deadline=deadline)
        case ModelKind.RERANKING:
            rerank("ready", ["ready"], model=model, purpose=purpose, deadline=deadline)
        case ModelKind.READING:
            read("Is it ready?", ["It is ready."], model=model, purpose=purpose, deadline=deadline)
        case ModelKind.GENERATION:
            short, said = GenerationOptions(max_tokens=1), [Message(Role.USER, "ready")]
            list(generate(said, model=model, purpose=Purpose.ANSWER, deadline=deadline, options=short))


def queues() -> Iterator[Trial]:
    """Each queue behind which there are jobs."""
    listening = jobs_listening()
    for queue in board():
        if queue.jobs:
            yield Trial(queue.name, partial(queue_served, queue, listening), HealthState.DEGRADED)


def queue_served(queue: QueueOnBoard, listening: list[frozenset[str]]) -> None:
    """Raises ServiceUnavailableError: no worker that listens was heard of lately."""
    names = {job.name for job in queue.jobs}
    if not any(names & jobs for jobs in listening):
        raise ServiceUnavailableError(
            f"No worker listens for the queue {queue.name}.", action="Start one, or see its log."
        )


def outbox() -> str:
    """Raises ServiceUnavailableError: events wait for long."""
    oldest = outbox_waiting().aggregate(oldest=Min("created_at"))["oldest"]
    seconds = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    if seconds > LATE_SECONDS:
        raise ServiceUnavailableError(
            f"Events have waited for {seconds / 60:.0f} minutes to be sent.",
            action="Look whether the Kafka broker answers, and at the relay's log.",
        )
    return "" if ServerSettings.current().has_kafka else NO_EVENTS


def disk() -> Iterator[Trial]:
    """The folder for files of its own."""
    free = _free(StorageSettings.current())
    worst = HealthState.FAILED if free < FULL else HealthState.DEGRADED
    yield Trial("", partial(disk_free, free), worst)


def disk_free(free: float) -> None:
    """Raises ServiceUnavailableError: the share that is free is small."""
    if free < NEARLY_FULL:
        raise ServiceUnavailableError(
            f"Of the disk with RAGSITE_DATA_DIR {100 * free:.0f} % are free.",
            action="Make room: delete documents or models that are not needed, or give it a larger disk.",
        )


def _free(settings: StorageSettings) -> float:
    usage = shutil.disk_usage(settings.data_dir)
    return usage.free / usage.total
