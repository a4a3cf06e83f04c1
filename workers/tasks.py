"""Celery's door: thin tasks that call a service. None carries content, but for the texts a model is to embed."""

from __future__ import annotations

import threading
from typing import Any

from celery import shared_task

from apps.models.gateway import embed_request
from apps.retrieval.evaluation.runs import EVALUATE, evaluation_run_work, evaluation_runs_waiting
from ragsite.core.jobs import ring
from ragsite.core.outbox import outbox_purge
from workers import sweep as sweeping
from workers.stage_run import stage_run, stage_waiting
from workers.stages import Stage, stage_named

LOOPS = 2
"""Threads of a model worker that may embed documents at once; the others stay free for people who wait."""

_loops = threading.BoundedSemaphore(LOOPS)
_evaluating = threading.Lock()


@shared_task
def work(stage_name: str) -> None:
    """Do what waits at a stage: one claim, or, where a claim takes several versions, all until none is left."""
    stage = stage_named(stage_name)
    if stage.claims == 1:
        stage_run(stage)
    else:
        _work_until_none(stage)


@shared_task
def embed_texts(payload: dict[str, Any]) -> dict[str, Any]:
    """Embed texts for a caller that waits."""
    return embed_request(payload)


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
def sweep() -> None:
    sweeping.sweep()


@shared_task
def purge() -> None:
    sweeping.purge()


@shared_task
def events_purge() -> None:
    outbox_purge()


def _work_until_none(stage: Stage) -> None:
    """A ring that finds all loops busy is dropped: a loop looks once more after it has let go."""
    while stage_waiting(stage).exists():
        if not _loops.acquire(blocking=False):
            return
        try:
            while stage_run(stage):
                pass
        finally:
            _loops.release()
