"""Work is claimed, not delivered: leases on rows of PostgreSQL.

A row is claimed under `FOR UPDATE SKIP LOCKED` and then held by a lease: an owner and an expiry, by the database's clock.
The attempt is counted when the row is claimed, before the work starts, so that work that kills its worker is bounded too.
Whoever writes the result checks the lease in the same statement; a worker that was taken for dead can write nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from ragsite.core.ids import new_id

logger = logging.getLogger(__name__)
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
        values: tuple[Any, ...] = (*parameters, owner, timedelta(seconds=settings.RAGSITE_LEASE_SECONDS))
        cursor.execute(statement, values)
        return Claim(owner=owner, ids=tuple(sorted(found for (found,) in cursor.fetchall())))


def lease_renew(model: type[models.Model], claim: Claim) -> int:
    """Prolong the lease of the rows still held; the number of them."""
    held = model._default_manager.filter(pk__in=claim.ids, lease_owner=claim.owner, lease_until__gte=Now())
    return held.update(lease_until=_lease_end())


@contextlib.contextmanager
def heartbeat(model: type[models.Model], claim: Claim) -> Iterator[None]:
    """Renew the claim from a thread of its own for as long as the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(model, claim, stop), name="lease-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(model: type[models.Model], claim: Claim, stop: threading.Event) -> None:
    while not stop.wait(settings.RAGSITE_LEASE_SECONDS / 4):
        try:
            lease_renew(model, claim)
        except DatabaseError:
            logger.warning("lease not renewed: the database did not answer", exc_info=True)
        finally:
            connection.close()


def lease_release(model: type[models.Model], claim: Claim, ids: Collection[UUID]) -> int:
    """Give rows back unfinished; the attempt does not count. How many were still held."""
    held = model._default_manager.filter(pk__in=ids, lease_owner=claim.owner)
    return held.update(attempts=F("attempts") - 1, **RELEASED)


def backoff(attempts: int, *, at_least: float = 0.0) -> timedelta:
    """How long to wait after so many attempts: exponential, with full jitter, within a minute."""
    seconds = random.uniform(0, min(BACKOFF_MAX_SECONDS, BACKOFF_SECONDS * 2 ** min(attempts, 16)))  # noqa: S311
    return timedelta(seconds=max(seconds, at_least))


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.RAGSITE_LEASE_SECONDS)


BY_INDEX = "SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off"
"""For the transaction of a claim: that it reads the rows it takes, in the order of their index, and not the whole backlog to
sort it. Statistics cannot tell PostgreSQL to, as they are of a time when little or nothing waited."""

_CLAIM = """
    WITH chosen AS MATERIALIZED ({chosen})
    UPDATE {table} AS held
    SET lease_owner = %s, lease_until = statement_timestamp() + %s, attempts = attempts + 1
    FROM chosen WHERE held.id = chosen.pk
    RETURNING held.id
"""
