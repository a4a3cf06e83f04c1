"""The table of jobs by queue, as the pages of the admin are given it; see `ragsite.core.board`."""

from __future__ import annotations

from ragsite.core.board import JobOnBoard, QueueOnBoard
from workers.jobs import JOBS
from workers.queues import POOLS, Pool, Queue


def queues_on_board() -> tuple[QueueOnBoard, ...]:
    """Every queue with its jobs, in the order of the tables."""
    return tuple(
        QueueOnBoard(
            queue.value,
            tuple(JobOnBoard(job.name, job.rows) for job in JOBS if job.queue is queue),
            worker_command(queue),
        )
        for queue in Queue
    )


def worker_command(queue: Queue) -> str:
    """What starts a worker for the queue alone. On queues of threads it holds models, which come to it."""
    pool = POOLS[queue]
    holds = "env RAGSITE_MODEL_TRANSPORT=local " if pool is Pool.THREADS else ""
    return f"{holds}celery -A workers.celery worker -n {queue}@%h -Q {queue} --pool {pool} --without-gossip --without-mingle"
