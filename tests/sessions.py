"""What the sessions of the database are at: told of a test that ran out of time, which says where it waits and not for whom."""

from __future__ import annotations

import os
from typing import LiteralString

import psycopg
import pytest

SESSIONS: LiteralString = """
    SELECT format('%s (%s, %s) %s %s %s, in its transaction for %s, blocked by %s: %s',
                  pid, usename, application_name, state, wait_event_type, wait_event,
                  date_trunc('milliseconds', now() - xact_start), pg_blocking_pids(pid), left(query, 300))
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY xact_start
"""


def is_late(error: BaseException) -> bool:
    """Whether a test was ended as it took too long."""
    return isinstance(error, pytest.fail.Exception) and str(error).startswith("Timeout")


def sessions_told() -> str:
    """A line for each session of this process' database: what it does or waits for, and who is in its way."""
    try:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True, connect_timeout=5) as beside:
            return "\n".join(line for (line,) in beside.execute(SESSIONS))
    except (KeyError, psycopg.Error) as error:
        return f"They can't be asked: {error!r}"
