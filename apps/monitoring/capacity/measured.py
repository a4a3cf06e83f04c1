"""Service times from the system's own record: the times of stages in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import F, QuerySet

from apps.documents.models import StageOutcome, StageRecord
from apps.monitoring.capacity.times import STAGES, CapacityError, ClaimSeen, StageTimes, tenth, times_fitted

RECORDS = 20_000
"""Records of each stage that are looked at, the newest."""

TOGETHER_SECONDS = 0.05
"""What a worker began within so many seconds of each other it claimed together."""

LEAST_CLAIMS = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """A document's way through one stage."""

    version: Any
    worker: str
    begun_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    """A document that came through: when it arrived and when it was ready, in seconds from the first arrival."""

    at: float
    ready: float


def times_measured(*, document_type: str = "") -> dict[str, StageTimes]:
    """The times of each stage, of documents of one type or of all.

    Raises:
        CapacityError: too few were seen.
    """
    seen = {stage: list(_seen(stage, document_type)) for stage in STAGES}
    found: dict[str, StageTimes] = {}
    before: Mapping[Any, datetime] = _created(document_type)
    for stage in STAGES:
        claims = list(claims_of(stage, seen[stage]))
        if len(claims) < LEAST_CLAIMS:
            raise CapacityError(
                f"Only {len(claims)} claims of the stage {stage!r} were recorded.",
                action="Let some documents come through first, or give times by --times.",
            )
        waits = [(one.begun_at - before[one.version]).total_seconds() for one in seen[stage] if one.version in before]
        found[stage] = times_fitted(claims, handover=tenth(waits))
        before = {one.version: one.finished_at for one in seen[stage]}
    return found


def claims_of(stage: str, seen: Sequence[Seen]) -> Iterator[ClaimSeen]:
    """What each worker worked on together."""
    for _, of_worker in groupby(sorted(seen, key=lambda one: (one.worker, one.begun_at)), key=lambda one: one.worker):
        together: list[Seen] = []
        for one in of_worker:
            if together and (one.begun_at - together[-1].begun_at).total_seconds() > TOGETHER_SECONDS:
                yield _claim(stage, together)
                together = []
            together.append(one)
        yield _claim(stage, together)


def arrivals_seen(*, last: int, document_type: str = "") -> list[Arrived]:
    """The newest documents that became ready at their first try, in the order in which they came.

    Raises:
        CapacityError: there are none.
    """
    done: Any = _records(STAGES[-1], document_type).values_list("version__created_at", "finished_at")[:last]
    moments = sorted(done)
    if not moments:
        raise CapacityError("No document came through.", action="Upload some first.")
    first = moments[0][0]
    return [Arrived((came - first).total_seconds(), (ready - came).total_seconds()) for came, ready in moments]


def _claim(stage: str, together: Sequence[Seen]) -> ClaimSeen:
    begun, ended = min(one.begun_at for one in together), max(one.finished_at for one in together)
    return ClaimSeen(stage, len(together), (ended - begun).total_seconds())


def _records(stage: str, document_type: str) -> QuerySet[StageRecord]:
    """Those of uploads that were done at the first attempt, the newest first."""
    of_type = {"version__document_type": document_type} if document_type else {}
    done = StageRecord.objects.filter(stage=stage, outcome=StageOutcome.DONE, attempts=1, begun_at__isnull=False)
    return done.filter(version__rechunk_of=None, finished_at__gte=F("begun_at"), **of_type).order_by("-id")


def _seen(stage: str, document_type: str) -> Iterator[Seen]:
    records: Any = _records(stage, document_type).values_list("version_id", "worker", "begun_at", "finished_at")
    return (Seen(*one) for one in records[:RECORDS])


def _created(document_type: str) -> dict[Any, datetime]:
    return dict(_records(STAGES[0], document_type).values_list("version_id", "version__created_at")[:RECORDS])
