"""What happens in tests of reports, told without a database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from apps.documents.events import DocumentCreated, DocumentDeleted
from apps.monitoring.analytics.facts import Told
from apps.retrieval.events import (
    AnswerRated,
    CitedSpan,
    GenerationCompleted,
    QueryProcessed,
    RetrievalCompleted,
    VectorIndexed,
)
from ragsite.core.events import Event
from ragsite.core.ids import new_id

TODAY = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


def told(event: Event, *, days_ago: int = 0, sequence: int = 1) -> Told:
    return Told(event, new_id(), TODAY - timedelta(days=days_ago), sequence)


def span(base: UUID, document: UUID, start: int = 0, end: int = 40) -> CitedSpan:
    return CitedSpan(knowledge_base_id=base, document_id=document, version_id=document, start=start, end=end)


def asked(
    tenant: UUID, base: UUID, *cited: CitedSpan, days_ago: int = 0, generate: float = 100.0, query: UUID | None = None,
    **fields: Any,
) -> list[Told]:  # fmt: skip
    """A question with its answer, which was found if something is cited."""
    query = query or new_id()
    about = {"tenant_id": tenant, "query_id": query}
    written = {
        "answer_id": new_id(), "knowledge_bases": (base,), "found": bool(cited), "generator": "local", "model": "small",
        "prompt": "p1", "tokens_read": 1000, "tokens_written": 50, "statements": 2, "supported": 1, "cited": tuple(cited),
        "from_cache": False,
    }  # fmt: skip
    processed = QueryProcessed(
        **about, found=bool(cited), generator="local", passages=4, citations=len(cited),
        milliseconds={"embed": 5.0, "generate": generate}, degraded=(),
    )  # fmt: skip
    retrieved = RetrievalCompleted(
        **about, knowledge_bases=(base,), mode="hybrid", passages=4, candidates={"dense": 50}, best_score=0.4,
        milliseconds={"embed": 5.0},
    )  # fmt: skip
    generated = GenerationCompleted(**about, **(written | fields))
    return [told(event, days_ago=days_ago) for event in (processed, retrieved, generated)]


def added(tenant: UUID, base: UUID, document: UUID, *, waited: float = 10.0, days_ago: int = 0) -> list[Told]:
    """A document that came and was indexed; its version has its id."""
    about = {"tenant_id": tenant, "knowledge_base_id": base, "document_id": document}
    created = DocumentCreated(**about, version_id=document, title="Handbook", content_hash="0")
    indexed = VectorIndexed(
        **about, version_id=document, generation_id=1, chunks=3,
        waited_milliseconds={"parse": waited, "embed": 2 * waited}, worked_milliseconds={"parse": 5.0, "embed": 6.0},
    )  # fmt: skip
    return [told(event, days_ago=days_ago) for event in (created, indexed)]


def deleted(tenant: UUID, base: UUID, document: UUID) -> Told:
    return told(DocumentDeleted(tenant_id=tenant, knowledge_base_id=base, document_id=document))


def rated(tenant: UUID, query: UUID, *ratings: str | None) -> Sequence[Told]:
    """What was said of its answer, one after the other."""
    return [
        told(AnswerRated(tenant_id=tenant, answer_id=query, query_id=query, rating=one, has_comment=False), sequence=number)
        for number, one in enumerate(ratings, start=1)
    ]  # fmt: skip
