"""The outbox by days: each has a partition, made before it begins and dropped once nobody needs anything of it.

Functions of the owner change them (migration core 0014): the application's role may not change tables itself. They take what
they need for a moment or not at all, as everybody who writes an event would wait behind them; what was not to be had is
tried again, at once a few times and then by the next run of the job.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from ragsite.core.bites import bites, rows_bite
from ragsite.core.configuration import ServerSettings
from ragsite.core.locking import is_locked
from ragsite.core.models import OutboxEvent
from ragsite.core.work import Turn

logger = logging.getLogger(__name__)

AHEAD_DAYS = 3
TRIES = (0.05, 0.2, 0.4)
"""Seconds to wait after each try."""

_OF_THE_REST = "core_outboxevent.tableoid = 'core_outboxevent_rest'::regclass"


def outbox_purge(turn: Turn, *, days: int = 7, dead_days: int = 30) -> bool:
    """Drop the days of which every event was published more than `days` ago, and given up more than `dead_days` ago; whether
    something may be left. The days that come next are made.
    """
    outbox_days_make()
    kept, dead_kept = timedelta(days=days), timedelta(days=dead_days)
    return (
        bites(turn, lambda: _day_drop(kept, dead_kept))
        or bites(turn, lambda: rows_bite(_past_of_the_rest(kept, dead_kept)))
        or bites(turn, lambda: rows_bite(_never_sent(kept)))
    )


def outbox_days_make() -> None:
    """Make the partitions of today and of the next days that are not there yet."""
    today = datetime.now(UTC).date()
    for ahead in range(AHEAD_DAYS + 1):
        _tried("SELECT core_outbox_day_make(%s)", [today + timedelta(days=ahead)])


def _day_drop(kept: timedelta, dead_kept: timedelta) -> bool:
    """Drop the first day that is due; whether there was one."""
    dropped = _tried("SELECT core_outbox_day_drop(%s, %s)", [kept, dead_kept])
    if dropped:
        logger.info("dropped %s", dropped)
    return bool(dropped)


def _past_of_the_rest(kept: timedelta, dead_kept: timedelta) -> QuerySet[OutboxEvent]:
    """What goes row by row, as its day had no partition when it was written."""
    past = OutboxEvent.objects.filter(Q(error="") | Q(sent_at__lt=Now() - dead_kept), sent_at__lt=Now() - kept)
    return past.extra(where=[_OF_THE_REST]).order_by("sent_at", "id")  # noqa: S610 - words of our own


def _never_sent(kept: timedelta) -> QuerySet[OutboxEvent]:
    """What waited when Kafka was turned off, and would keep its day."""
    waited = OutboxEvent.objects.filter(sent_at=None, created_at__lt=Now() - kept).order_by("id")
    return waited.none() if ServerSettings.current().has_kafka else waited


def _tried(statement: str, parameters: list[Any]) -> Any:
    """What the function says; None where its table was in use each time."""
    for wait in TRIES:
        try:
            return _called(statement, parameters)
        except OperationalError as error:
            if not is_locked(error):
                raise
            time.sleep(wait)
    logger.info("the outbox is in use: its days are seen to later")
    return None


def _called(statement: str, parameters: list[Any]) -> Any:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]
