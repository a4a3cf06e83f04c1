"""The doorbell of the jobs port: a Celery message that says a stage has work."""

from __future__ import annotations

import logging

from kombu.connection import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.retrieval.evaluation.runs import EVALUATE
from apps.retrieval.reindexing.waiting import REINDEX
from workers.celery import app
from workers.queues import LIMITS, Queue
from workers.stages import stage_named

logger = logging.getLogger(__name__)
EXPIRES_SECONDS = 600
ENOUGH_RINGS = 8
"""More than the processes of one machine that would start on the same queue at once."""


class CeleryDoorbell:
    """Rings over Redis. When Redis does not answer the work still stands in PostgreSQL, and the sweep rings again."""

    def ring(self, stage: str, *, times: int = 1) -> None:
        try:
            self._ring(stage, times)
        except (OperationalError, RedisError):
            logger.warning("Redis did not take the ring for %s; the sweep will ring again", stage, exc_info=True)

    def _ring(self, stage: str, times: int) -> None:
        """No more than can matter: a worker that takes a ring takes up all the work there is then."""
        queue, task, arguments = _job(stage)
        with app.pool.acquire(block=True) as connection:
            missing = ENOUGH_RINGS - messages_in(queue, connection)
        limits = LIMITS[queue]
        for _ in range(min(times, missing)):
            app.send_task(
                task,
                args=arguments,
                queue=queue.value,
                expires=EXPIRES_SECONDS,
                soft_time_limit=limits.soft,
                time_limit=limits.hard,
            )


def messages_in(queue: Queue, connection: Connection) -> int:
    """Messages that wait in a queue, not counting those a worker has taken."""
    return int(connection.default_channel._size(queue.value))


def _job(name: str) -> tuple[Queue, str, list[str]]:
    """The queue, the task and its arguments: of a stage of versions, or of evaluation or a re-index, which are none."""
    if name == EVALUATE:
        return Queue.RETRIEVAL, "workers.tasks.evaluate", []
    if name == REINDEX:
        return Queue.EMBEDDING, "workers.tasks.reindex", []
    return stage_named(name).queue, "workers.tasks.work", [name]
