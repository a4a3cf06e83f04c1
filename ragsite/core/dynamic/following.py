"""How a process learns of settings that change: a thread of its own is told by the database, and looks now and then besides.

It has a connection outside Django's pool, for LISTEN. While the database is away, what was read last holds. A process that runs
for a moment only, such as a command, reads once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError
from django.db.models import Max

from ragsite.core.database import connection_of_own
from ragsite.core.dynamic.held import SetValue, held, hold
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.dynamic.places import Place

logger = logging.getLogger(__name__)

CHANNEL = "ragsite_settings"
LOOK_SECONDS = 5.0
"""After so long without a word the database is asked: a notification that was lost delays a change by no more."""
AGAIN_SECONDS = 2.0
"""Between tries to reach a database that is away."""
START_SECONDS = 2.0
"""How long a process that starts waits for the first reading; what the environment says holds until it comes."""

_FIELDS = ("id", "name", "tenant_id", "knowledge_base_id", "value")
_NEWEST = "SELECT max(id) FROM core_settingchange"
_CURRENT = """
    SELECT id, name, tenant_id, knowledge_base_id, value FROM core_settingchange
    WHERE is_current AND value IS NOT NULL
"""
_followed_by: dict[str, int] = {}


def settings_follow() -> None:
    """From now on this process takes up changes, within moments. Once a process; the child of a fork follows by itself."""
    if _followed_by.get("pid") == os.getpid():
        return
    _followed_by["pid"] = os.getpid()
    is_read = threading.Event()
    threading.Thread(target=_follow, args=(is_read,), name="settings", daemon=True).start()
    is_read.wait(START_SECONDS)


def settings_read() -> None:
    """Read what is set, once, by Django's connection. Where the database does not answer, what the environment says holds."""
    try:
        newest = SettingChange.objects.aggregate(newest=Max("id"))["newest"] or 0
        rows = SettingChange.objects.filter(is_current=True, value__isnull=False)
        hold(_values(rows.values_list(*_FIELDS)), newest=newest)
    except DatabaseError as error:
        logger.warning("settings that were changed are not known here: %s", _first_line(error))


def _follow(is_read: threading.Event) -> None:
    pause = threading.Event()
    while True:
        try:
            with contextlib.closing(connection_of_own()) as session:
                session.execute(f"LISTEN {CHANNEL}")
                _listen(session, is_read)
        except psycopg.Error as error:
            logger.warning("settings are as they were read last: %s", _first_line(error))
        except Exception:
            logger.exception("a defect; settings are followed on")
        is_read.set()
        pause.wait(AGAIN_SECONDS)


def _listen(session: psycopg.Connection[Any], is_read: threading.Event) -> None:
    """Read what is set, and again whenever it has changed, for as long as the database answers.

    Raises:
        psycopg.Error: it does not.
    """
    _read(session)
    is_read.set()
    while True:
        told = list(session.notifies(timeout=LOOK_SECONDS, stop_after=1))
        if told or _newest(session) != held().newest:
            _read(session)


def _read(session: psycopg.Connection[Any]) -> None:
    """The number first: what is set in between is read again the next time."""
    newest = _newest(session)
    hold(_values(session.execute(_CURRENT).fetchall()), newest=newest)


def _newest(session: psycopg.Connection[Any]) -> int:
    row = session.execute(_NEWEST).fetchone()
    return (row[0] or 0) if row else 0


def _values(rows: Iterable[tuple[int, str, UUID | None, UUID | None, Any]]) -> list[SetValue]:
    return [SetValue(pk, name, Place(tenant, base), value) for pk, name, tenant, base, value in rows]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
