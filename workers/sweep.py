"""The sweep makes good what was lost: messages, workers, and whatever an interruption left behind."""

from __future__ import annotations

import logging

from kombu.connection import Connection

from apps.documents.services.documents import blobs_purge, documents_purge
from apps.retrieval.evaluation.runs import EVALUATE, evaluation_runs_give_up, evaluation_runs_waiting
from apps.retrieval.models import GenerationState, IndexGeneration
from apps.retrieval.services.generations import generation_index_if_large, generations_of_deleted_purge
from ragsite.core.presence import presence_purge
from ragsite.gateway.idempotency import idempotency_purge
from workers.celery import app
from workers.doorbell import CeleryDoorbell
from workers.queues import Queue
from workers.stage_run import stage_give_up, stage_waiting
from workers.stages import STAGES, Stage

logger = logging.getLogger(__name__)
MOST_RINGS = 200


def sweep() -> None:
    """Give up on what was started too often, and ring for work that has fewer messages than versions waiting."""
    with app.connection_for_write() as connection:
        for stage in STAGES:
            stage_give_up(stage)
            CeleryDoorbell().ring(stage.name, times=_rings_missing(stage, connection))
        _evaluations_sweep(connection)


def purge() -> None:
    """Remove what was deleted, left behind or is past its time; index generations that have outgrown exact search."""
    documents_purge()
    blobs_purge()
    idempotency_purge()
    presence_purge()
    generations_of_deleted_purge()
    for generation in IndexGeneration.objects.filter(state=GenerationState.LIVE, has_hnsw=False):
        generation_index_if_large(generation)


def _rings_missing(stage: Stage, connection: Connection) -> int:
    waiting = min(stage_waiting(stage).count(), MOST_RINGS)
    starts = -(-waiting // stage.claims)
    return max(0, starts - messages_in(stage.queue, connection)) if starts else 0


def _evaluations_sweep(connection: Connection) -> None:
    evaluation_runs_give_up()
    if evaluation_runs_waiting().exists() and not messages_in(Queue.RETRIEVAL, connection):
        CeleryDoorbell().ring(EVALUATE)


def messages_in(queue: Queue, connection: Connection) -> int:
    """Messages that wait in a queue, not counting those a worker has taken."""
    with connection.channel() as channel:
        return int(channel._size(queue.value))
