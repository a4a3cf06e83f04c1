"""Celery's door: a task for each job, and one for calls of models. None carries content, but for the texts a model is given."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.models.gateway import embed_request, rerank_request
from workers.jobs import JOBS, Job
from workers.running import job_turn


@shared_task
def embed_texts(payload: dict[str, Any]) -> dict[str, Any]:
    """Embed texts for a caller that waits."""
    return embed_request(payload)


@shared_task
def rerank_texts(payload: dict[str, Any]) -> dict[str, Any]:
    """Score texts for a caller that waits."""
    return rerank_request(payload)


def _task(job: Job) -> None:
    @shared_task(name=job.task)
    def turn() -> None:
        job_turn(job)


for _job in JOBS:
    _task(_job)
