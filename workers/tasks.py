"""Celery's door: thin tasks that call a service. None carries content, but for the texts a model is to embed."""

from __future__ import annotations

import threading
import time
from typing import Any

from celery import shared_task
from django.utils.module_loading import import_string

from apps.documents.services.deleting import DELETE, KnowledgeBaseDeletions
from apps.models.gateway import embed_request, rerank_request
from apps.retrieval.evaluation.runs import EVALUATE, evaluation_run_work, evaluation_runs_waiting
from apps.retrieval.index.lexical import merges as lexical_merges
from apps.retrieval.reindexing.waiting import REINDEX, reindexes_waiting
from ragsite.core.jobs import ring
from ragsite.core.outbox import outbox_purge
from ragsite.core.work import Turn
from workers import sweep as sweeping
from workers.leaving import is_leaving
from workers.queues import TURN_SECONDS
from workers.stage_run import stage_run, stage_waiting
from workers.stages import Stage, stage_named

LOOPS = 2
"""Threads of a model worker that may embed documents at once; the others stay free for people who wait."""

GATHER_SECONDS = 0.2
"""How long versions may gather before the last look: a claim of several costs less than one each."""

_loops = threading.BoundedSemaphore(LOOPS)
_evaluating = threading.Lock()
_reindexing = threading.Lock()

# By name: only the worker that holds the models may import what it needs.
REINDEX_WORK = "apps.retrieval.reindexing.work.reindex_work"


@shared_task
def work(stage_name: str) -> None:
    """Do what waits at a stage, claim after claim, for a turn."""
    _work_on(stage_named(stage_name))


@shared_task
def embed_texts(payload: dict[str, Any]) -> dict[str, Any]:
    """Embed texts for a caller that waits."""
    return embed_request(payload)


@shared_task
def rerank_texts(payload: dict[str, Any]) -> dict[str, Any]:
    """Score texts for a caller that waits."""
    return rerank_request(payload)


@shared_task
def evaluate() -> None:
    """Work on an evaluation run for a while, and ring for what is left. One at a time in a process: people wait too."""
    if not _evaluating.acquire(blocking=False):
        return
    try:
        evaluation_run_work()
    finally:
        _evaluating.release()
    if evaluation_runs_waiting().exists():
        ring(EVALUATE)


@shared_task
def reindex() -> None:
    """Work on a re-index for a turn, and ring for what is left. One at a time in a process, as for evaluations."""
    if is_leaving() or not _reindexing.acquire(blocking=False):
        return
    try:
        import_string(REINDEX_WORK)()
    finally:
        _reindexing.release()
    if reindexes_waiting().exists():
        ring(REINDEX)


@shared_task
def sweep() -> None:
    sweeping.sweep()


@shared_task
def lexical_merge() -> None:
    lexical_merges.lexical_merge(Turn.of(TURN_SECONDS))


@shared_task
def lexical_repair() -> None:
    lexical_merges.lexical_repair(Turn.of(TURN_SECONDS))


@shared_task
def purge() -> None:
    sweeping.purge()


@shared_task
def delete() -> None:
    """Work on the deletions of knowledge bases for a turn, and ring for what is left."""
    sweeping.delete()
    if KnowledgeBaseDeletions().waiting().exists():
        ring(DELETE)


@shared_task
def events_purge() -> None:
    outbox_purge(Turn.of(TURN_SECONDS))


def _work_on(stage: Stage) -> None:
    """Until none is left, or until others of the queue shall have their turn; then it rings for the rest.

    A ring that finds all loops busy is dropped: a loop looks once more after it has let go. A worker that was asked to
    end leaves the rest to others: a long backlog would outlast the patience it is given.
    """
    until = time.monotonic() + TURN_SECONDS
    while not is_leaving() and stage_waiting(stage).exists():
        if time.monotonic() > until:
            ring(stage.name)
            return
        if not _loops.acquire(blocking=False):
            return
        try:
            while not is_leaving() and time.monotonic() < until and stage_run(stage):
                pass
        finally:
            _loops.release()
        time.sleep(GATHER_SECONDS)
