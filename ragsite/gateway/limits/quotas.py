"""What is used of days and months, in PostgreSQL: a Redis that loses all it knows is told from here.

A process collects what it takes and writes it every few seconds, in one statement. So of a Redis that was lost, and of a process
that was killed, no more is forgotten than what was taken since then.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from ragsite.core.bites import bites, rows_bite
from ragsite.core.limits import Per, Work
from ragsite.core.work import Turn
from ragsite.gateway.limits.buckets import Quota
from ragsite.gateway.models import QuotaUse

WRITTEN_SECONDS = 5.0
"""How often it is written: what may be lost."""


class QuotaUses:
    """What this process has taken and not yet written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unwritten: Counter[Quota] = Counter()

    def note(self, quota: Quota, amount: int) -> None:
        """So much was taken; less than nothing was given back."""
        with self._lock:
            self._unwritten[quota] += amount

    def write(self) -> None:
        """Write it. What can't be written now is kept for the next time.

        Raises:
            DatabaseError: it can't.
        """
        with self._lock:
            unwritten, self._unwritten = self._unwritten, Counter()
        try:
            quota_uses_add(unwritten)
        except BaseException:
            with self._lock:
                self._unwritten.update(unwritten)
            raise

    def used(self, quotas: Collection[Quota]) -> dict[Quota, int]:
        """What is used of each: as it was written, and what this process has not written yet.

        Raises:
            DatabaseError: it can't be read.
        """
        written = quotas_used(quotas)
        with self._lock:
            return {one: max(0, written.get(one, 0) + self._unwritten[one]) for one in quotas}


def quotas_used(quotas: Collection[Quota]) -> dict[Quota, int]:
    """What is written of these quotas."""
    if not quotas:
        return {}
    rows = QuotaUse.objects.filter(
        _of_tenants({one.tenant for one in quotas}),
        whose__in={one.whose for one in quotas}, begins__in={one.begins for one in quotas},
    )  # fmt: skip
    return {quota: used for quota, used in _rows(rows) if quota in quotas}


def quota_uses_add(uses: Mapping[Quota, int]) -> None:
    """Add to what is written. What is of a tenant that is gone is nobody's."""
    told = sorted((one for one, amount in uses.items() if amount), key=lambda one: (one.tenant, one.whose, one.begins))
    if not told:
        return
    columns: list[Any] = [
        [one.tenant or None for one in told],
        [one.whose for one in told],
        [one.work.value for one in told],
        [one.per.value for one in told],
        [one.begins for one in told],
        [uses[one] for one in told],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, columns)


def quota_uses_purge(turn: Turn) -> bool:
    """Remove what is older than a year; whether some is left."""
    today = timezone.now().date()
    oldest = date(today.year - 1, today.month, 1)
    old = QuotaUse.objects.filter(begins__lt=oldest).order_by("begins")
    return bites(turn, lambda: rows_bite(old))


def _of_tenants(tenants: Iterable[str]) -> Q:
    named = {UUID(one) for one in tenants if one}
    nobodys = Q(tenant=None) if "" in tenants else Q()
    return Q(tenant__in=named) | nobodys if named else nobodys


def _rows(rows: QuerySet[QuotaUse]) -> Iterable[tuple[Quota, int]]:
    found: Iterable[Any] = rows.values_list("tenant", "whose", "work", "per", "begins", "used")
    for tenant, whose, work, per, begins, used in found:
        yield Quota(str(tenant or ""), whose, Work(work), Per(per), begins), used


_ADD = """
    INSERT INTO gateway_quotause AS kept (tenant_id, whose, work, per, begins, used)
    SELECT tenant_id, whose, work, per, begins, greatest(0, used)
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::date[], %s::bigint[])
         AS told(tenant_id, whose, work, per, begins, used)
    WHERE tenant_id IS NULL OR EXISTS (SELECT 1 FROM gateway_tenant t WHERE t.id = tenant_id)
    ON CONFLICT (tenant_id, whose, work, per, begins)
    DO UPDATE SET used = greatest(0, kept.used + excluded.used)
"""
