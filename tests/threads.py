"""The threads of the web process within tests: what a test asks on them must leave no connection open for the next one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from ragsite.gateway.threads import LOOKUPS, REQUESTS, STREAMS

SECONDS = 30


def connections_close() -> None:
    """Close the connection of each thread that there is; one that still works for a client that has left is waited for."""
    for pool in (REQUESTS, STREAMS, LOOKUPS):
        _close(pool)


def _close(pool: ThreadPoolExecutor) -> None:
    there, most = len(pool._threads), pool._max_workers
    together = Barrier(max(there, 1))
    # No new thread takes the place of one that is at work.
    pool._max_workers = there
    try:
        for done in [pool.submit(_one, together) for _ in range(there)]:
            done.result(timeout=SECONDS)
    finally:
        pool._max_workers = most


def _one(together: Barrier) -> None:
    connection.close()
    together.wait(timeout=SECONDS)
