"""Celery's door: a task for each job, and two for calls of models. None carries content, but for what a model is given.

Calls of models send no events: several for each would cost a worker about as much as embedding a question does.
"""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.models import gateway
from workers.jobs import JOBS, Job
from workers.running import job_turn


@shared_task(send_events=False)
def model_call(payload: dict[str, Any], key: str) -> None:
    """Ask a model of this process for a caller that waits at the mailbox of that key."""
    gateway.call_answer(payload, key)


@shared_task(send_events=False)
def model_stream(payload: dict[str, Any], key: str) -> None:
    """Let a model of this process write for a caller that reads the channel of that key."""
    gateway.stream_start(payload, key)


def _task(job: Job) -> None:
    @shared_task(name=job.task)
    def turn() -> None:
        job_turn(job)


for _job in JOBS:
    _task(_job)
