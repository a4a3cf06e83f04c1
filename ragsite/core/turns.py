"""Rows that wait, claimed in turn: each owner has a line of its own, and no line is longer for another's length.

A claim goes round the owners that have something waiting, beginning after the one that was served last, and takes the first
rows of each line. It finds them by an index on (owner, not_before, id), and reads what it takes and a row for each line: not
what else waits there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import RawSQL

from ragsite.core.ids import new_id
from ragsite.core.leases import BY_INDEX, Claim, claimable, worker_name

BEFORE_ALL = UUID(int=0)
_AFTER_ALL = UUID(int=2**128 - 1)


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
        lease = timedelta(seconds=settings.RAGSITE_LEASE_SECONDS)
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
    FROM chosen WHERE held.id = chosen.pk
    RETURNING held.id, held.{by}
"""
