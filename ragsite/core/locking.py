"""Rows that are locked together are locked in one order: table by table as docs/architecture.md lists them, and within a table by
the key. Then nobody waits for somebody who waits for them.

PostgreSQL locks the rows of an UPDATE or DELETE in the order in which its plan comes across them, which is that of no key. So
who changes several rows that others may change too locks them first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, models, transaction
from django.utils.timezone import localtime
from psycopg.errors import LockNotAvailable


@dataclass(frozen=True, slots=True)
class Holder:
    """A session of the database that others wait for.

    `since` is None, and `application` empty, where the role that asks may not see them.
    """

    process: int
    role: str
    application: str
    since: datetime | None

    @property
    def in_words(self) -> str:
        """`pg_dump (role ragsite_owner, process 4711, since 2026-05-04 13:05 UTC)`."""
        since = f", since {localtime(self.since):%Y-%m-%d %H:%M %Z}" if self.since else ""
        return f"{self.application or 'a session'} (role {self.role}, process {self.process}{since})"


def rows_hold(rows: models.QuerySet[Any], *, removing: bool = False) -> list[Any]:
    """Lock rows of one table until the transaction ends, in the order of their keys; the keys of those that are there.

    Others may still refer to them, unless they are locked for `removing`: see `rows_hold_to_remove`.
    """
    locked = rows.order_by("pk").select_for_update(of=("self",), no_key=not removing)
    return list(locked.values_list("pk", flat=True))


def rows_hold_to_remove(*tables: models.QuerySet[Any]) -> None:
    """Lock rows of several tables, in their order, so that nothing that would refer to them can be inserted either.

    Not at once: who holds a row may refer to one of a table before it when its transaction commits, as PostgreSQL checks
    the foreign keys of whatever was written twice. So all are waited for before references are kept out.
    """
    for removing in (False, True):
        for rows in tables:
            rows_hold(rows, removing=removing)


def rows_update(rows: models.QuerySet[Any], **columns: Any) -> int:
    """Set columns of several rows that others may be changing at the same moment; how many there were."""
    with transaction.atomic():
        held = rows_hold(rows)
        return int(rows.model._default_manager.filter(pk__in=held).update(**columns))


def is_locked(error: OperationalError) -> bool:
    """Whether a lock was not to be had in the time that the statement was given."""
    return isinstance(error.__cause__, LockNotAvailable)
