"""Beat, of which only one rings however many run: the one that holds an advisory lock."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from celery.beat import Scheduler
from celery.signals import beat_init

from ragsite.core.database import SessionLock
from ragsite.core.metrics.instruments import gauge
from ragsite.core.metrics.serving import metrics_serve
from workers.jobs import JOBS

logger = logging.getLogger(__name__)
LOCK = 7_242_001
RETRY_SECONDS = 2.0
LEADS = gauge("ragsite_beat_leads")


@beat_init.connect
def metrics_tell(**_: Any) -> None:
    """Tell Prometheus of this process."""
    metrics_serve()


class LeaderScheduler(Scheduler):
    """Keeps its schedule in memory: what was missed while nobody led is rung at once by the next leader."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = SessionLock(LOCK)
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        self.install_default_entries(self.data)
        self.merge_inplace(schedule())

    def tick(self, *args: Any, **kwargs: Any) -> float:
        leads = self._leads()
        LEADS.labels().set(leads)
        if not leads:
            return RETRY_SECONDS
        wait: float = super().tick(*args, **kwargs)
        return min(wait, RETRY_SECONDS)

    def close(self) -> None:
        self._lock.release()
        super().close()

    def _leads(self) -> bool:
        try:
            return self._lock.held()
        except psycopg.Error:
            logger.warning("beat waits: the database does not answer", exc_info=True)
            return False


def schedule() -> dict[str, dict[str, Any]]:
    """What beat rings for: the jobs that run by the clock. A ring that comes late is dropped, as the next one follows."""
    return {
        job.name: {
            "task": job.task,
            "schedule": job.every,
            "options": {
                "queue": job.queue.value,
                "expires": job.every,
                "soft_time_limit": job.soft,
                "time_limit": job.hard,
            },
        }
        for job in JOBS
        if job.every is not None
    }
