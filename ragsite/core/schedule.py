"""Jobs that run by the clock: the one row of each says whether somebody is at it, when it ran last, and what went wrong.

Its lease keeps two workers from running a job side by side; a worker that dies leaves the job to the next ring.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ragsite.core.errors import RagError
from ragsite.core.leases import RELEASED, Claim, lease_claim
from ragsite.core.models import ScheduledJob
from ragsite.core.work import ANY, LeasedRows


class ScheduledRows(LeasedRows):
    """The row of one scheduled job, made when it first runs. It is never given up: the clock comes round again."""

    model = ScheduledJob

    def __init__(self, name: str) -> None:
        self.what = f"the job {name}"
        self._name = name

    def open(self) -> models.QuerySet[Any]:
        return ScheduledJob.objects.filter(name=self._name).order_by("id")

    def claim(self, *, limit: int = 1, among: Q = ANY) -> Claim:
        claim = lease_claim(self.open().filter(among), limit=limit)
        if claim.ids or self.open().exists():
            return claim
        ScheduledJob.objects.bulk_create([ScheduledJob(name=self._name)], ignore_conflicts=True)
        return lease_claim(self.open().filter(among), limit=limit)

    def begin(self, claim: Claim) -> Claim:
        self.held(claim).update(started_at=Now())
        return claim

    def give_back(self, claim: Claim) -> None:
        self.held(claim).update(finished_at=Now(), attempts=0, error="", **RELEASED)

    def fail(self, claim: Claim, error: RagError) -> None:
        self.postpone(claim, error)

    def give_up(self) -> int:
        return 0
