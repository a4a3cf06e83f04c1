"""What happened to a version when: waiting for each stage, attempts at it that failed, and the one that was the last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from apps.documents.models import DocumentVersion, StageOutcome, StageRecord
from ragsite.core.timelines import Mark, MarkKind, marks_record
from ragsite.core.tracing.trace_parents import trace_id_of


def version_timeline(version: DocumentVersion, *, now: datetime) -> list[dict[str, Any]]:
    """As `marks_record` gives it, of a version whose stages are at hand. A stage that runs lasts until now."""
    return marks_record(_marks(version, now))


def version_trace_id(version: DocumentVersion) -> str:
    """The trace of whoever last asked for something of the version; empty where it was part of none."""
    return trace_id_of((version.actor or {}).get("traceparent", ""))


def _marks(version: DocumentVersion, now: datetime) -> Iterator[Mark]:
    free: datetime = version.created_at
    for record in sorted(version.stages.all(), key=lambda one: one.begun_at or one.started_at):
        begun, started, ended = record.begun_at or record.started_at, record.started_at, record.finished_at or now
        yield from _mark(record, MarkKind.WAIT, free, begun)
        if record.attempts > 1:
            yield from _mark(record, MarkKind.TRY, begun, started)
        failed = record.error_code if record.outcome == StageOutcome.FAILED else ""
        yield Mark(record.stage, MarkKind.STEP, started.timestamp(), _milliseconds(started, ended), failed)
        free = ended


def _mark(record: StageRecord, kind: MarkKind, begun: datetime, ended: datetime) -> Iterator[Mark]:
    """Nothing where nothing passed, or the two clocks, of a statement and of its transaction, say less."""
    if ended > begun:
        yield Mark(record.stage, kind, begun.timestamp(), _milliseconds(begun, ended))


def _milliseconds(begun: datetime, ended: datetime) -> float:
    return max(0.0, (ended - begun).total_seconds() * 1000)
