"""The sweep makes good what was lost: messages, workers, and whatever an interruption left behind."""

from __future__ import annotations

import logging

from apps.documents.services.deleting import ADVICE, KnowledgeBaseDeletions
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.retrieval.evaluation.runs import EVALUATE, evaluation_runs_give_up, evaluation_runs_waiting
from apps.retrieval.index.deleting import knowledge_base_deletion_work
from apps.retrieval.index.generations import generations_index, generations_of_deleted_purge
from apps.retrieval.reindexing.dropping import generations_discard
from apps.retrieval.reindexing.waiting import REINDEX, reindexes_give_up, reindexes_waiting
from ragsite.core.presence import presence_purge, workers_listening
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.idempotency import idempotency_purge
from workers.celery import app
from workers.doorbell import ENOUGH_RINGS, CeleryDoorbell, messages_in
from workers.queues import Queue
from workers.stage_run import stage_at_work, stage_give_up, stage_waiting
from workers.stages import STAGES, Stage

logger = logging.getLogger(__name__)
PURGE_TURN = 20.0


def sweep() -> None:
    """Give up on what was started too often, and ring for what waits."""
    for stage in STAGES:
        stage_give_up(stage)
        CeleryDoorbell().ring_now(stage.name, times=_rings(stage))
    _evaluations_sweep()
    reindexes_give_up()
    if reindexes_waiting().exists():
        CeleryDoorbell().ring_now(REINDEX)


def purge() -> None:
    """Remove what was deleted, left behind or is past its time; index generations that have outgrown exact search."""
    delete()
    for one in (documents_purge, blobs_purge, idempotency_purge, presence_purge, generations_of_deleted_purge):
        one(Turn.of(PURGE_TURN))
    generations_discard(Turn.of(PURGE_TURN))
    generations_index(Turn.of(PURGE_TURN))


def delete() -> None:
    """Work on the deletions of knowledge bases for a turn."""
    deletions, turn = KnowledgeBaseDeletions(), Turn.of(PURGE_TURN)
    deletions.give_up()
    while not turn.is_over() and rows_work(deletions, knowledge_base_deletion_work, turn=turn, advice=ADVICE):
        pass


def _evaluations_sweep() -> None:
    """One message is enough: a run that is left over is rung for by the task that worked on it."""
    evaluation_runs_give_up()
    with app.connection_for_write() as connection:
        if evaluation_runs_waiting().exists() and not messages_in(Queue.RETRIEVAL, connection):
            CeleryDoorbell().ring_now(EVALUATE)


def _rings(stage: Stage) -> int:
    """As many as the waiting versions make claims. Where somebody is at it, who goes on without a ring, one for each worker:
    should a message have been lost, another of its processes joins in with each sweep.
    """
    waiting = stage_waiting(stage).order_by()[: ENOUGH_RINGS * stage.claims].count()
    starts = -(-waiting // stage.claims)
    return min(starts, max(1, workers_listening(stage.name))) if stage_at_work(stage) else starts
