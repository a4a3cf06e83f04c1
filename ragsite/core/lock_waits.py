"""What a session of the database waits for, seen from beside: who is told that its time is up is not told whom it waited for."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from django.db import connections

from ragsite.core.database import connection_of_own
from ragsite.core.locking import Holder

logger = logging.getLogger(__name__)

EVERY_SECONDS = 0.2
LONG_SECONDS = 5.0
"""A wait that has lasted so long is told of while it lasts."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for: a table, or "" for the end of a transaction; and who is in the way, the one that came first."""

    table: str
    holder: Holder

    @property
    def in_words(self) -> str:
        """`the table documents_document, which pg_dump (role ragsite_owner, process 4711) has`."""
        if self.table:
            return f"the table {self.table}, which {self.holder.in_words} has"
        return f"the end of the transaction of {self.holder.in_words}"


class Watch:
    """Looks at what one session waits for, five times a second."""

    def __init__(self, process: int, *, say: Callable[[Wait], None]) -> None:
        self.last: Wait | None = None
        self._process, self._say = process, say
        self._seen: Wait | None = None
        self._since = 0.0

    def look(self, beside: psycopg.Connection[Any]) -> None:
        """Look once; say it if it has been so for long, and not again."""
        row = beside.execute(_WAITS, {"process": self._process}).fetchone()
        wait = Wait(row[0], Holder(*row[1:])) if row else None
        if wait != self._seen:
            self._seen, self._since = wait, time.monotonic()
        elif wait is not None and time.monotonic() - self._since > LONG_SECONDS:
            self._since = float("inf")
            self._say(wait)
        self.last = wait or self.last


@contextlib.contextmanager
def waits_watched(alias: str, *, say: Callable[[Wait], None]) -> Iterator[Watch]:
    """Within the block it is looked at what this thread's session of that database waits for. `say` is told of long waits."""
    connections[alias].ensure_connection()
    watch = Watch(connections[alias].connection.info.backend_pid, say=say)
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(watch, alias, stop), name="lock-waits", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def _watch(watch: Watch, alias: str, stop: threading.Event) -> None:
    try:
        with contextlib.closing(connection_of_own(alias=alias)) as beside:
            while not stop.wait(EVERY_SECONDS):
                watch.look(beside)
    except psycopg.Error as error:
        logger.warning("what is waited for can't be seen: %s", error)


_WAITS: LiteralString = """
    SELECT coalesce(l.relation::regclass::text, ''), a.pid, a.usename::text, coalesce(a.application_name, ''), a.xact_start
    FROM unnest(pg_blocking_pids(%(process)s)) AS b (pid)
    JOIN pg_stat_activity a ON a.pid = b.pid
    LEFT JOIN pg_locks l ON l.pid = %(process)s AND NOT l.granted AND l.locktype = 'relation'
    ORDER BY a.xact_start
    LIMIT 1
"""
