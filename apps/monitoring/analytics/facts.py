"""Which events facts are made of, and the tables of ClickHouse that read them, by whose views facts are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic_core import to_json

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

FACTS: Mapping[type[Event], str] = {
    QueryProcessed: "told_queries",
    RetrievalCompleted: "told_retrievals",
    GenerationCompleted: "told_generations",
    AnswerRated: "told_ratings",
    DocumentCreated: "told_ingestion",
    DocumentUpdated: "told_ingestion",
    DocumentDeleted: "told_ingestion",
    DocumentFailed: "told_ingestion",
    VectorIndexed: "told_ingestion",
    VectorUpdated: "told_ingestion",
    VectorDeleted: "told_ingestion",
    ModelRegistered: "told_models",
    ModelUpdated: "told_models",
    ModelRemoved: "told_models",
    ModelLoaded: "told_models",
    ModelUnloaded: "told_models",
}
TABLES: Mapping[str, str] = {cls.name: table for cls, table in FACTS.items()}
"""By the event's name on the wire."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that did not come from Kafka. `sequence` is 0 for what was filled in afterwards, which any event replaces."""

    event: Event
    event_id: UUID
    at: datetime
    sequence: int = 0

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def body(self) -> bytes:
        """As it would stand in Kafka, with what facts are made of."""
        return to_json(
            {
                "type": self.name, "id": self.event_id, "tenant": self.event.tenant_id or UUID(int=0),
                "sequence": self.sequence, "time": self.at, "data": self.event.payload(),
            }
        )  # fmt: skip
