"""The threads of the web process within tests: what a test asks on them must leave no connection open for the next one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from ragsite.gateway.threads import LOOKUPS, REQUESTS, STREAMS


def connections_close() -> None:
    """Close the connection of each thread that there is."""
    for pool in (REQUESTS, STREAMS, LOOKUPS):
        _close(pool)


def _close(pool: ThreadPoolExecutor) -> None:
    there = len(pool._threads)
    together = Barrier(max(there, 1))
    for done in [pool.submit(_one, together) for _ in range(there)]:
        done.result(timeout=10)


def _one(together: Barrier) -> None:
    connection.close()
    together.wait(timeout=10)
