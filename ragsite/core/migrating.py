"""Migrations behind which nobody waits for long: each statement asks for its locks for a moment, and a migration that gets none
of them is undone and begun again a little later.

PostgreSQL queues whoever wants a table behind a statement that waits for it. So a migration that waits for a long reader, such as
a backup, would make every search and every upload wait with it.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected

from ragsite.core.errors import TransientError
from ragsite.core.lock_waits import Wait, waits_watched
from ragsite.core.locking import is_locked

PAUSES = (2.0, 4.0, 8.0, 15.0)
"""Seconds between two tries, the last again and again. They are what the others work in."""

BESIDE = "CONCURRENTLY"
"""What is made in this way waits for transactions that are older than itself, and nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that one statement waits for a lock, and that all tries together may take."""

    lock_seconds: float
    seconds: float


def migrations_run(
    work: Callable[[], object], *, alias: str, patience: Patience, doing: Callable[[], str], say: Callable[[str], None]
) -> None:
    """Do the work, which migrates the database of that alias; again, as long as a lock is not to be had.

    It begins where it was: what a migration has done before it was held up is undone, or can be done again (ADR 87). `doing`
    names the migration that is under way, and `say` is told of each wait.

    Raises:
        TransientError: a lock was not to be had; says who has it.
        OperationalError, ProgrammingError: of the work itself.
    """
    until = time.monotonic() + patience.seconds
    for pause in itertools.chain(PAUSES, itertools.repeat(PAUSES[-1])):
        with waits_watched(alias, say=lambda wait: say(f"{doing()} waits for {wait.in_words}.")) as watch:
            if _done(work, alias, patience.lock_seconds):
                return
        held_up = f"{doing()} was held up by {_words(watch.last)}"
        if time.monotonic() + pause >= until:
            raise _given_up(held_up, patience)
        say(f"{held_up} It is tried again in {pause:g} s.")
        time.sleep(pause)


def _done(work: Callable[[], object], alias: str, lock_seconds: float) -> bool:
    """Whether the work came to its end; False where somebody was in its way."""
    with _locks_limited(alias, lock_seconds):
        try:
            work()
        except OperationalError as error:
            if is_locked(error) or isinstance(error.__cause__, DeadlockDetected):
                return False
            raise
    return True


@contextmanager
def _locks_limited(alias: str, seconds: float) -> Iterator[None]:
    """Within the block no statement waits for a lock for longer, but for those that nobody waits for."""
    connection, limit = connections[alias], f"{1000 * seconds:.0f}ms"

    def without_haste(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if BESIDE not in str(sql).upper():
            return execute(sql, params, many, context)
        _limit(connection, "0")
        try:
            return execute(sql, params, many, context)
        finally:
            _limit(connection, limit)

    before = _limit(connection, limit)
    try:
        with connection.execute_wrapper(without_haste):
            yield
    finally:
        if connection.is_usable():
            _limit(connection, before)


def _limit(connection: Any, limit: str) -> str:
    """Set how long a statement of the session waits for a lock; what held before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, false)", [limit])
        return str(cursor.fetchone()[0])


def _words(wait: Wait | None) -> str:
    return f"{wait.in_words}." if wait else "a session that has ended meanwhile, or can't be seen."


def _given_up(held_up: str, patience: Patience) -> TransientError:
    return TransientError(
        f"{held_up} It was given up after {patience.seconds:g} s.",
        code="database_locked",
        action="Run it again once that has ended: what is done is not done again, and nothing is left half done.",
    )
