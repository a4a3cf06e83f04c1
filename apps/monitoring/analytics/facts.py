"""Events as the rows that tables keep of them. Pure: one table says what becomes of which event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.documents.events import DocumentCreated, DocumentDeleted, DocumentFailed, DocumentUpdated
from apps.models.events import ModelLoaded, ModelRegistered, ModelRemoved, ModelUnloaded, ModelUpdated
from apps.retrieval.events import (
    AnswerRated,
    GenerationCompleted,
    QueryProcessed,
    RetrievalCompleted,
    VectorDeleted,
    VectorIndexed,
    VectorUpdated,
)
from ragsite.core.events import Event

NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Told:
    """An event with what its envelope says. `sequence` is 0 for what was filled in afterwards, which any event replaces."""

    event: Any
    event_id: UUID
    at: datetime
    sequence: int = 0

    @property
    def head(self) -> dict[str, Any]:
        """What rows of all tables have."""
        return {"event_id": self.event_id, "sequence": self.sequence, "at": self.at}

    @property
    def of_tenant(self) -> dict[str, Any]:
        return {"tenant": self.event.tenant_id, **self.head}


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of a table."""

    table: str
    row: Mapping[str, Any]


def facts_of(told: Told) -> list[Fact]:
    """What is kept of an event; nothing of one that no report is about."""
    make = FACTS.get(type(told.event))
    return list(make(told)) if make else []


def _query(told: Told) -> Iterator[Fact]:
    event: QueryProcessed = told.event
    yield Fact("queries", told.of_tenant | {
        "query_id": event.query_id, "found": event.found, "generator": event.generator, "passages": event.passages,
        "citations": event.citations, "milliseconds": event.milliseconds, "degraded": [one.step for one in event.degraded],
    })  # fmt: skip


def _retrieval(told: Told) -> Iterator[Fact]:
    event: RetrievalCompleted = told.event
    yield Fact("retrievals", told.of_tenant | {
        "query_id": event.query_id, "knowledge_bases": event.knowledge_bases, "mode": event.mode, "passages": event.passages,
        "best_score": event.best_score, "candidates": event.candidates, "milliseconds": sum(event.milliseconds.values()),
    })  # fmt: skip


def _generation(told: Told) -> Iterator[Fact]:
    event: GenerationCompleted = told.event
    yield Fact("generations", told.of_tenant | {
        "query_id": event.query_id, "answer_id": event.answer_id, "knowledge_bases": event.knowledge_bases,
        "found": event.found, "generator": event.generator, "model": event.model, "prompt": event.prompt,
        "tokens_read": event.tokens_read, "tokens_written": event.tokens_written, "statements": event.statements,
        "supported": event.supported, "citations": len(event.cited), "from_cache": event.from_cache,
    })  # fmt: skip
    for one in dict.fromkeys(event.cited):
        yield Fact("citations", told.of_tenant | {
            "knowledge_base": one.knowledge_base_id, "document_id": one.document_id, "version_id": one.version_id,
            "start": one.start, "end": one.end, "query_id": event.query_id,
        })  # fmt: skip


def _rating(told: Told) -> Iterator[Fact]:
    event: AnswerRated = told.event
    yield Fact("ratings", told.of_tenant | {
        "query_id": event.query_id, "answer_id": event.answer_id, "rating": event.rating or "",
        "has_comment": event.has_comment,
    })  # fmt: skip


def _ingestion(told: Told, subject: UUID, **columns: Any) -> Fact:
    event: Event = told.event
    nothing = {"knowledge_base": NOBODY, "document_id": NOBODY, "version_id": NOBODY, "generation": 0, "chunks": 0}
    words = {"stage": "", "error_code": "", "waited": {}, "worked": {}}
    row = told.of_tenant | {"type": event.type, "subject": subject} | nothing | words | columns
    return Fact("ingestion", row)


def _created(told: Told) -> Iterator[Fact]:
    event: DocumentCreated = told.event
    yield _ingestion(
        told, event.document_id, knowledge_base=event.knowledge_base_id, document_id=event.document_id,
        version_id=event.version_id,
    )  # fmt: skip


def _updated(told: Told) -> Iterator[Fact]:
    event: DocumentUpdated = told.event
    yield _ingestion(
        told, told.event_id, knowledge_base=event.knowledge_base_id, document_id=event.document_id,
        version_id=event.version_id or NOBODY,
    )  # fmt: skip


def _deleted(told: Told) -> Iterator[Fact]:
    event: DocumentDeleted = told.event
    yield _ingestion(
        told, event.document_id, knowledge_base=event.knowledge_base_id, document_id=event.document_id
    )  # fmt: skip


def _failed(told: Told) -> Iterator[Fact]:
    event: DocumentFailed = told.event
    yield _ingestion(
        told, event.version_id, knowledge_base=event.knowledge_base_id, document_id=event.document_id,
        version_id=event.version_id, stage=event.stage, error_code=event.error_code,
    )  # fmt: skip


def _indexed(told: Told) -> Iterator[Fact]:
    event: VectorIndexed = told.event
    yield _ingestion(
        told, event.version_id, knowledge_base=event.knowledge_base_id, document_id=event.document_id,
        version_id=event.version_id, generation=event.generation_id, chunks=event.chunks,
        waited=event.waited_milliseconds, worked=event.worked_milliseconds,
    )  # fmt: skip


def _generation_changed(told: Told) -> Iterator[Fact]:
    event: VectorUpdated | VectorDeleted = told.event
    yield _ingestion(
        told, told.event_id, knowledge_base=event.knowledge_base_id, generation=event.generation_id
    )  # fmt: skip


def _model(told: Told) -> Iterator[Fact]:
    event: ModelLoaded | ModelRegistered = told.event
    columns = {
        "model_id": event.model_id, "version_id": event.version_id, "model": event.model, "kind": event.kind,
        "status": getattr(event, "status", ""), "worker": getattr(event, "worker", ""),
        "device": getattr(event, "device", ""), "bytes": getattr(event, "bytes", 0),
    }  # fmt: skip
    yield Fact("models", told.head | {"type": event.type} | columns)


FACTS: Mapping[type[Event], Callable[[Told], Iterator[Fact]]] = {
    QueryProcessed: _query,
    RetrievalCompleted: _retrieval,
    GenerationCompleted: _generation,
    AnswerRated: _rating,
    DocumentCreated: _created,
    DocumentUpdated: _updated,
    DocumentDeleted: _deleted,
    DocumentFailed: _failed,
    VectorIndexed: _indexed,
    VectorUpdated: _generation_changed,
    VectorDeleted: _generation_changed,
    ModelRegistered: _model,
    ModelUpdated: _model,
    ModelRemoved: _model,
    ModelLoaded: _model,
    ModelUnloaded: _model,
}
