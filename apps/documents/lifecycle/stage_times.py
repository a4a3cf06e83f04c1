"""How long versions waited for each stage, and how long each took, from their timelines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.documents.models import StageRecord


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Milliseconds by stage. `waited` is from the end of the stage before it, or from the upload, to its last start."""

    waited: dict[str, float] = field(default_factory=dict)
    worked: dict[str, float] = field(default_factory=dict)


def stage_times(version_ids: Collection[UUID]) -> dict[UUID, StageTimes]:
    """Of each of the versions that has a timeline; with one query for all."""
    of_version: dict[UUID, list[StageRecord]] = defaultdict(list)
    for record in StageRecord.objects.filter(version__in=version_ids).select_related("version"):
        of_version[record.version_id].append(record)
    return {pk: times_of(records, since=records[0].version.created_at) for pk, records in of_version.items()}


def times_of(records: Iterable[StageRecord], *, since: datetime) -> StageTimes:
    """Those of one version that came at `since`, of the stages that have ended."""
    waited, worked = {}, {}
    free = since
    for record in sorted(records, key=lambda one: one.started_at):
        waited[record.stage] = _milliseconds(free, record.started_at)
        if record.finished_at is not None:
            worked[record.stage] = _milliseconds(record.started_at, record.finished_at)
            free = record.finished_at
    return StageTimes(waited, worked)


def _milliseconds(begin: datetime, end: datetime) -> float:
    """None passed where the two clocks, of a statement and of its transaction, say less."""
    return round(max(0.0, (end - begin).total_seconds() * 1000), 1)
