"""How the web process tells a server that takes its time from one that is frozen, or behind a line that carries nothing.

PostgreSQL's own limits on statements and locks hold only while it runs, and the system takes a frozen server's connections for
sound. So whoever has waited for a while asks whether the server still answers at all, on a connection made for that; the answer
is good for all who wait.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
from psycopg import errors

from ragsite.core.database import connection_of_own

QUIET_SECONDS = 2.0
"""How long an answer may take before the server is asked whether it still answers at all; and so long again each time."""

MOST_SECONDS = 40.0
"""How long any answer may take: longer than the server's own limit on a statement of the web process."""

_ASKING_SECONDS = 2
_FRESH_SECONDS = 1.0
_INTERVAL_SECONDS = 0.1


class Server:
    """Whether the server answers, as this process knows it. One thread asks, the others wait for what it finds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answered, self._asked = True, float("-inf")

    def answers(self) -> bool:
        """Whether it answers; it is asked if nobody did a moment ago."""
        with self._lock:
            if time.monotonic() >= self._asked + _FRESH_SECONDS:
                self._answered = _answers()
                self._asked = time.monotonic()
            return self._answered

    def check(self) -> None:
        """Refuse at once what would wait for a server that was silent the last time and is so still.

        Raises:
            psycopg.OperationalError: it is.
        """
        if not self._answered and not self.answers():
            raise silent()


SERVER = Server()


class PatientConnection(psycopg.Connection[Any]):
    """A connection that is closed once the server has fallen silent, or one of its processes for too long."""

    def wait(self, gen: Any, interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> Any:
        """As psycopg's.

        Raises:
            psycopg.OperationalError: the server does not answer.
        """
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        until = time.monotonic() + MOST_SECONDS
        while True:
            try:
                return super().wait(gen, interval, QUIET_SECONDS)
            # psycopg has no public name for it; its version is locked.
            except errors._WaitTimeout:
                if time.monotonic() >= until or not SERVER.answers():
                    self.pgconn.finish()
                    raise silent() from None


def silent() -> psycopg.OperationalError:
    return psycopg.OperationalError("the server is connected and says nothing")


def _answers() -> bool:
    """A refusal, such as that there are too many connections, is an answer too. Servers that speak another language than English
    may have another word for it, and are then taken for silent while they refuse.
    """
    try:
        connection_of_own(connect_timeout=_ASKING_SECONDS).close()
    except psycopg.OperationalError as error:
        return "FATAL" in str(error)
    return True
