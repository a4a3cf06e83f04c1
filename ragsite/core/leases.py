"""Work is claimed, not delivered: leases on rows of PostgreSQL.

A row is claimed under `FOR UPDATE SKIP LOCKED` and then held by a lease: an owner and an expiry, by the database's clock.
The attempt is counted when the row is claimed, before the work starts, so that work that kills its worker is bounded too.
The result is written only if the lease holds, in the same statement; a worker that was presumed dead can write nothing.

Where rows have owners they are claimed in turn: each owner has a line of its own, and no line is longer for another's length.
A claim goes round the owners that have something waiting, beginning after the one that was served last, and takes the first
rows of each line, by an index on (owner, not_before, id). It reads what it takes and a row for each line, nothing else.
"""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import F, Q
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from ragsite.core.configuration import WorkSettings
from ragsite.core.ids import new_id
from ragsite.core.locking import rows_update

BEFORE_ALL = UUID(int=0)
_AFTER_ALL = UUID(int=2**128 - 1)

BACKOFF_SECONDS = 2.0
BACKOFF_MAX_SECONDS = 60.0


class Leased(models.Model):
    """A row that workers claim."""

    attempts = models.PositiveSmallIntegerField(default=0, help_text="Starts of the present stage.")
    lease_owner = models.CharField(max_length=120, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    not_before = models.DateTimeField(db_default=Now(), editable=False, help_text="Earliest next start.")

    class Meta:
        abstract = True


RELEASED: dict[str, Any] = {"lease_owner": "", "lease_until": None}
"""The columns of a row that nobody holds."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that this worker holds. `owner` is new for each claim, so that it also fences off its own earlier self."""

    owner: str
    ids: tuple[Any, ...]


def worker_name() -> str:
    """Host and process, as shown to people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def claimable() -> Q:
    """Rows that nobody holds and whose time has come."""
    return Q(not_before__lte=Now()) & (Q(lease_until=None) | Q(lease_until__lt=Now()))


def lease_claim(rows: models.QuerySet[Any], *, limit: int) -> Claim:
    """Take up to `limit` claimable rows of an ordered queryset and count an attempt on each. May come back empty."""
    owner = f"{worker_name()}:{new_id()}"
    chosen = rows.filter(claimable()).select_for_update(skip_locked=True, of=("self",)).values("pk")[:limit]
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        select, parameters = chosen.query.sql_with_params()
        statement = _CLAIM.format(table=rows.model._meta.db_table, chosen=select)
        values: tuple[Any, ...] = (*parameters, owner, timedelta(seconds=WorkSettings.current().lease_seconds))
        cursor.execute(statement, values)
        return Claim(owner=owner, ids=tuple(sorted(found for (found,) in cursor.fetchall())))


def lease_renew(model: type[models.Model], claim: Claim) -> int:
    """Prolong the lease of the rows still held; the number of them."""
    held = model._default_manager.filter(pk__in=claim.ids, lease_owner=claim.owner, lease_until__gte=Now())
    return rows_update(held, lease_until=_lease_end())


def lease_release(model: type[models.Model], claim: Claim, ids: Collection[UUID]) -> int:
    """Give rows back unfinished; the attempt does not count. How many were still held."""
    held = model._default_manager.filter(pk__in=ids, lease_owner=claim.owner)
    return rows_update(held, attempts=F("attempts") - 1, **RELEASED)


def backoff(attempts: int, *, at_least: float = 0.0) -> timedelta:
    """How long to wait after so many attempts: exponential, with full jitter, within a minute; beyond what was asked for, so that
    those which were told the same do not come back in the same moment.
    """
    seconds = random.uniform(0, min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2 ** min(attempts, 16)))  # noqa: S311
    return timedelta(seconds=at_least + seconds)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=WorkSettings.current().lease_seconds)


BY_INDEX = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off"
"""For the transaction of a claim: that it reads the rows it takes, in the order of their index, and not the whole backlog to
sort it. Statistics cannot tell PostgreSQL to, as they are of a time when little or nothing waited."""

# An array, as a join would read all rows where statistics say that there are none.
_CLAIM = """
    WITH chosen AS MATERIALIZED ({chosen})
    UPDATE {table} AS held
    SET lease_owner = %s, lease_until = statement_timestamp() + %s, attempts = attempts + 1
    WHERE held.id = ANY(ARRAY(SELECT pk FROM chosen))
    RETURNING held.id
"""


@dataclass(frozen=True, slots=True)
class Line:
    """An owner's rows that wait; `attempts` are those of the first."""

    owner: UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Round:
    """What a claim took, and the owner that it served last: the next one begins after it."""

    claim: Claim
    last: UUID


def lease_claim_in_turn(rows: models.QuerySet[Any], *, by: str, after: UUID, limit: int) -> Round:
    """Take up to `limit` claimable rows, of the owners that the column `by` names in turn. May come back empty.

    Within a line the order is (not_before, id). Rows that were never started are taken together. One that was tried before
    is taken alone when it is the first of the owner whose turn it is, so that it fails alone, and waits for no more than
    that.
    """
    name = f"{worker_name()}:{new_id()}"
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        lines = _lines(cursor, rows, by=by, after=after, limit=limit)
        if not lines:
            return Round(Claim(name, ()), after)
        if lines[0].attempts:
            owners, limit = [lines[0].owner], 1
        else:
            owners = [line.owner for line in takewhile(lambda line: not line.attempts, lines)]
        taking = _Taking(cursor, rows, by, name, alone=bool(lines[0].attempts))
        return Round(Claim(name, tuple(sorted(taking.take(owners, limit)))), owners[-1])


@dataclass(frozen=True, slots=True)
class _Taking:
    """A claim under way. `alone`: whether it is for a row that was tried before."""

    cursor: CursorWrapper
    rows: models.QuerySet[Any]
    by: str
    name: str
    alone: bool

    def take(self, owners: Sequence[UUID], limit: int) -> list[Any]:
        """As much of each line as of the others; what the short ones leave goes to the longer."""
        taken: list[Any] = []
        while owners and len(taken) < limit:
            left = limit - len(taken)
            owners = owners[:left]
            share = left // len(owners)
            found = self._take_of_each(owners, share)
            taken += [pk for pk, _ in found]
            counts = Counter(owner for _, owner in found)
            owners = [owner for owner in owners if counts[owner] == share]
        return taken

    def _take_of_each(self, owners: Sequence[UUID], share: int) -> list[tuple[Any, UUID]]:
        line = self.rows.filter(claimable(), **{self.by: RawSQL("line.owner", [])}).order_by("not_before", "pk")
        first = line.select_for_update(skip_locked=True, of=("self",)).values("pk", "attempts")[:share]
        select, parameters = first.query.sql_with_params()
        statement = _TAKE.format(
            table=self.rows.model._meta.db_table, first=select, by=self.by, fresh="" if self.alone else _FRESH
        )
        lease = timedelta(seconds=WorkSettings.current().lease_seconds)
        values: tuple[Any, ...] = (list(owners), *parameters, self.name, lease)
        self.cursor.execute(statement, values)
        return list(self.cursor.fetchall())


def _lines(cursor: CursorWrapper, rows: models.QuerySet[Any], *, by: str, after: UUID, limit: int) -> list[Line]:
    """Up to `limit` owners that have something waiting, in the order of their turns: those after `after`, then the others."""
    later, later_parameters = _walk(rows, by=by, after=after, upto=_AFTER_ALL)
    others, other_parameters = _walk(rows, by=by, after=BEFORE_ALL, upto=after)
    cursor.execute(f"({later}) UNION ALL ({others}) LIMIT %s", (*later_parameters, *other_parameters, limit))
    return [Line(owner, attempts) for owner, attempts in cursor.fetchall()]


def _walk(rows: models.QuerySet[Any], *, by: str, after: UUID, upto: UUID) -> tuple[str, tuple[Any, ...]]:
    """The statement that goes from line to line by the index, and its parameters. PostgreSQL ends it at an outer LIMIT."""
    between = {f"{by}__gt": RawSQL("line.owner", []), f"{by}__lte": upto}
    following = rows.filter(claimable(), **between).order_by(by, "not_before", "pk").values(by, "attempts")[:1]
    select, parameters = following.query.sql_with_params()
    return _WALK.format(by=by, following=select), (after, *parameters)


_WALK = """
    WITH RECURSIVE line AS (
        SELECT %s::uuid AS owner, -1::smallint AS attempts
        UNION ALL
        SELECT following.{by}, following.attempts FROM line, LATERAL ({following}) AS following
    )
    SELECT owner, attempts FROM line WHERE attempts >= 0
"""

_FRESH = "WHERE first.attempts = 0"

_TAKE = """
    WITH chosen AS MATERIALIZED (
        SELECT first.pk FROM unnest(%s::uuid[]) AS line(owner), LATERAL ({first}) AS first {fresh}
    )
    UPDATE {table} AS held
    SET lease_owner = %s, lease_until = statement_timestamp() + %s, attempts = attempts + 1
    WHERE held.id = ANY(ARRAY(SELECT pk FROM chosen))
    RETURNING held.id, held.{by}
"""
