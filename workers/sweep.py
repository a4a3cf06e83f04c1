"""The sweep makes good what was lost: messages, workers, and whatever an interruption left behind."""

from __future__ import annotations

from ragsite.core.presence import workers_listening
from ragsite.core.work import LeasedRows, Turn
from workers.doorbell import ENOUGH_RINGS, CeleryDoorbell
from workers.jobs import JOBS, Job


def sweep(turn: Turn) -> bool:
    """Give up on what was started too often, and ring for what waits. Nothing is left."""
    for job in JOBS:
        if job.rows is not None:
            job.rows.give_up()
            CeleryDoorbell().ring_now(job.name, times=_rings(job, job.rows))
    return False


def _rings(job: Job, rows: LeasedRows) -> int:
    """As many as the waiting rows make claims. Where somebody is at it, who goes on without a ring, one for each worker:
    should a message have been lost, another of its processes joins in with each sweep.
    """
    waiting = rows.waiting().order_by()[: ENOUGH_RINGS * job.claims].count()
    starts = -(-waiting // job.claims)
    return min(starts, max(1, workers_listening(job.name))) if rows.at_work() else starts
