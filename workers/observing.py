"""What a job tells of itself: a line in the log when it ends, and a part of the trace of whoever asked for its work."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ragsite.core.errors import RagError
from ragsite.core.leases import Claim
from ragsite.core.logs.about import Told, about
from ragsite.core.logs.formatting import FIELDS
from ragsite.core.tracing.spans import NOT_TRACED, SpanKind, span, span_past, under
from ragsite.core.work import LeasedRows, Turn
from workers.jobs import Job

logger = logging.getLogger(__name__)

MOST_NAMED = 20
"""Rows of a claim whose ids a line of the log names."""

COLUMNS = frozenset({"actor", "tenant_id", "document_id"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a claim's rows say of who asked for them."""

    ids: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()
    """Places in traces, one for each trace."""

    @classmethod
    def of(cls, rows: LeasedRows, claim: Claim) -> Asked:
        """With one query, of as many columns as such rows have."""
        fields = {field.attname for field in rows.model._meta.concrete_fields}
        found = list(rows.model._default_manager.filter(pk__in=claim.ids).values("pk", *(fields & COLUMNS)))
        actors: list[Mapping[str, str]] = [one.get("actor") or {} for one in found]
        return cls(
            ids=_each(str(one["pk"]) for one in found), tenants=_each(one.get("tenant_id") for one in found),
            documents=_each(one.get("document_id") for one in found),
            requests=_each(actor.get("request_id") for actor in actors),
            traces=tuple({one.split("-")[1]: one for actor in actors if (one := actor.get("traceparent"))}.values()),
        )  # fmt: skip

    def told(self) -> dict[str, Told]:
        """For lines: one request's id where there is one, as a request's own lines have it."""
        one: dict[str, Told] = (
            {"request_id": self.requests[0]} if len(self.requests) == 1 else {"request_ids": list(self.requests)}
        )
        return {
            "rows": list(self.ids[:MOST_NAMED]), "tenant_ids": list(self.tenants[:MOST_NAMED]),
            "document_ids": list(self.documents[:MOST_NAMED]), **one,
        }  # fmt: skip


@contextmanager
def job_observed(job: Job, turn: Turn) -> Iterator[None]:
    """Within the block a claim of the job is worked on. Of jobs of the clock, which nobody asked for, no trace begins, and a line
    tells only if they fail: their page and their metrics tell the rest.
    """
    asked = Asked.of(job.rows, turn.held.claim) if job.rows is not None and turn.held is not None else Asked()
    begun, code = time.time(), ""
    with about(job=job.name, **asked.told()), under(asked.traces[0] if asked.traces else ""), _span(job, asked):
        try:
            yield
        except Exception as error:
            code = error.error_code if isinstance(error, RagError) else type(error).__name__
            raise
        finally:
            _tell(job, asked, seconds=time.time() - begun, code=code)
    _others_tell(job, asked, begun)


def _span(job: Job, asked: Asked) -> Any:
    if job.rows is None:
        return NOT_TRACED
    return span(
        f"job {job.name}", SpanKind.CONSUMER, parent=asked.traces[0] if asked.traces else "", links=asked.traces[1:],
        ragsite__job=job.name, ragsite__queue=job.queue.value, ragsite__rows=len(asked.ids),
        ragsite__documents=",".join(asked.documents[:MOST_NAMED]),
    )  # fmt: skip


def _others_tell(job: Job, asked: Asked, begun: float) -> None:
    """Claimed together, worked on together: in each other trace the work is there as well, and leads to its parts."""
    for one in asked.traces[1:]:
        span_past(f"job {job.name}", SpanKind.CONSUMER, parent=one, times=(begun, time.time()), link=asked.traces[0])


def _tell(job: Job, asked: Asked, *, seconds: float, code: str) -> None:
    milliseconds = round(seconds * 1000, 1)
    fields = {"job": job.name, "queue": job.queue.value, "count": len(asked.ids), "milliseconds": milliseconds}
    if code:
        fields |= {"failed": code}
        logger.warning("job %s failed in %s ms: %s", job.name, milliseconds, code, extra={FIELDS: fields})
    elif job.rows is not None:
        logger.info("job %s did %s in %s ms", job.name, len(asked.ids), milliseconds, extra={FIELDS: fields})


def _each(values: Collection[Any] | Iterator[Any]) -> tuple[str, ...]:
    """Each once, in their order, without what is empty."""
    return tuple(dict.fromkeys(str(value) for value in values if value))
