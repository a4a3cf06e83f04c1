"""The doorbell of the jobs port: a Celery message that says a stage has work."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError

from apps.retrieval.evaluation.runs import EVALUATE
from workers.celery import app
from workers.queues import LIMITS, Queue
from workers.stages import stage_named

logger = logging.getLogger(__name__)
EXPIRES_SECONDS = 600


class CeleryDoorbell:
    """Rings over Redis. When Redis does not answer the work still stands in PostgreSQL, and the sweep rings again."""

    def ring(self, stage: str, *, times: int = 1) -> None:
        queue, task, arguments = _job(stage)
        limits = LIMITS[queue]
        try:
            for _ in range(times):
                app.send_task(
                    task,
                    args=arguments,
                    queue=queue.value,
                    expires=EXPIRES_SECONDS,
                    soft_time_limit=limits.soft,
                    time_limit=limits.hard,
                )
        except OperationalError:
            logger.warning("Redis did not take the ring for %s; the sweep will ring again", stage, exc_info=True)


def _job(name: str) -> tuple[Queue, str, list[str]]:
    """The queue, the task and its arguments: of a stage of versions, or of evaluation, which is none."""
    if name == EVALUATE:
        return Queue.RETRIEVAL, "workers.tasks.evaluate", []
    return stage_named(name).queue, "workers.tasks.work", [name]
