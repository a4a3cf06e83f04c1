"""The doorbell of the jobs port: a Celery message that says a stage has work."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from kombu.connection import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.documents.services.deleting import DELETE
from apps.retrieval.evaluation.runs import EVALUATE
from apps.retrieval.reindexing.waiting import REINDEX
from workers.celery import app
from workers.queues import LIMITS, Queue
from workers.stages import stage_named

logger = logging.getLogger(__name__)
EXPIRES_SECONDS = 600
ENOUGH_RINGS = 8
"""More than the processes of one machine that would start on the same queue at once."""

GAP_SECONDS = 0.2
"""A process rings for one stage no more often than this; the rings that fall into a gap become one at its end."""


@dataclass(slots=True)
class _Gap:
    """Until when a stage is not rung for, and whether it is to be then."""

    until: float = 0.0
    rings: bool = False


_gaps: dict[str, _Gap] = {}
_gaps_lock = threading.Lock()


class CeleryDoorbell:
    """Rings over Redis. When Redis does not answer the work still stands in PostgreSQL, and the sweep rings again."""

    def ring(self, stage: str) -> None:
        if not _falls_into_gap(stage):
            self.ring_now(stage)

    def ring_now(self, stage: str, *, times: int = 1) -> None:
        """Ring whether or not there was a ring a moment ago."""
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


def _falls_into_gap(stage: str) -> bool:
    """Whether this ring waits for the gap's end; if not, a gap begins with it.

    What waits is rung from a thread that keeps the process from ending before: a command may end right after its work.
    """
    now = time.monotonic()
    with _gaps_lock:
        gap = _gaps.setdefault(stage, _Gap())
        if now >= gap.until:
            gap.until = now + GAP_SECONDS
            return False
        if not gap.rings:
            gap.rings = True
            threading.Timer(gap.until - now, _ring_at_the_end, [stage, gap]).start()
        return True


def _ring_at_the_end(stage: str, gap: _Gap) -> None:
    with _gaps_lock:
        gap.rings, gap.until = False, time.monotonic() + GAP_SECONDS
    CeleryDoorbell().ring_now(stage)


def messages_in(queue: Queue, connection: Connection) -> int:
    """Messages that wait in a queue, not counting those a worker has taken."""
    return int(connection.default_channel._size(queue.value))


def _job(name: str) -> tuple[Queue, str, list[str]]:
    """The queue, the task and its arguments: of a stage of versions, or of evaluation or a re-index, which are none."""
    if name == EVALUATE:
        return Queue.RETRIEVAL, "workers.tasks.evaluate", []
    if name == DELETE:
        return Queue.MAINTENANCE, "workers.tasks.delete", []
    if name == REINDEX:
        return Queue.EMBEDDING, "workers.tasks.reindex", []
    return stage_named(name).queue, "workers.tasks.work", [name]
