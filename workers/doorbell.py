"""The doorbell of the jobs port: a Celery message that says a job has work."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from kombu.connection import Connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from workers.celery import app
from workers.jobs import job_named
from workers.queues import Queue

logger = logging.getLogger(__name__)
EXPIRES_SECONDS = 600
ENOUGH_RINGS = 8
"""More than the processes of one machine that would start on the same queue at once."""

GAP_SECONDS = 0.2
"""A process rings for one job no more often than this; the rings that fall into a gap become one at its end."""


@dataclass(slots=True)
class _Gap:
    """Until when a job is not rung for, and whether it is to be then."""

    until: float = 0.0
    rings: bool = False


_gaps: dict[str, _Gap] = {}
_gaps_lock = threading.Lock()


class CeleryDoorbell:
    """Rings over Redis. If Redis does not answer, the work is still in PostgreSQL, and the sweep rings again."""

    def ring(self, job: str) -> None:
        if not _falls_into_gap(job):
            self.ring_now(job)

    def ring_now(self, job: str, *, times: int = 1) -> None:
        """Ring whether or not there was a ring a moment ago."""
        try:
            self._ring(job, times)
        except (OperationalError, RedisError):
            logger.warning("Redis did not take the ring for %s; the sweep will ring again", job, exc_info=True)

    def _ring(self, name: str, times: int) -> None:
        """No more than can matter: a worker that takes a ring takes up all the work there is then."""
        job = job_named(name)
        with app.pool.acquire(block=True) as connection:
            missing = ENOUGH_RINGS - messages_in(job.queue, connection)
        for _ in range(min(times, missing)):
            app.send_task(
                job.task,
                queue=job.queue.value,
                expires=EXPIRES_SECONDS,
                soft_time_limit=job.soft,
                time_limit=job.hard,
            )


_background = ThreadPoolExecutor(1, thread_name_prefix="doorbell")
_asked: set[str] = set()


class BackgroundDoorbell:
    """For a process in which people wait: rings from a thread of its own, so that a frozen Redis costs nobody time.

    A ring that is asked for while one for the same job waits is the same. What is asked for is rung before the process ends.
    """

    def ring(self, job: str) -> None:
        with _gaps_lock:
            if job in _asked:
                return
            _asked.add(job)
        _background.submit(_ring_in_background, job)


def _ring_in_background(job: str) -> None:
    with _gaps_lock:
        _asked.discard(job)
    CeleryDoorbell().ring(job)


def _falls_into_gap(job: str) -> bool:
    """Whether this ring waits for the gap's end; if not, a gap begins with it.

    What waits is rung from a thread that keeps the process from ending before: a command may end right after its work.
    """
    now = time.monotonic()
    with _gaps_lock:
        gap = _gaps.setdefault(job, _Gap())
        if now >= gap.until:
            gap.until = now + GAP_SECONDS
            return False
        if not gap.rings:
            gap.rings = True
            threading.Timer(gap.until - now, _ring_at_the_end, [job, gap]).start()
        return True


def _ring_at_the_end(job: str, gap: _Gap) -> None:
    with _gaps_lock:
        gap.rings, gap.until = False, time.monotonic() + GAP_SECONDS
    CeleryDoorbell().ring_now(job)


def messages_in(queue: Queue, connection: Connection) -> int:
    """Messages that wait in a queue, not counting those a worker has taken."""
    return int(connection.default_channel._size(queue.value))
