"""What happens in retrieval, told to the outside. Fields only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorIndexed:
    """All chunks of a version are embedded and searchable."""

    type: ClassVar[str] = "vector.indexed"
    tenant_id: UUID
    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    generation_id: int
    chunks: int

    @property
    def key(self) -> UUID:
        return self.document_id


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorUpdated:
    """Another generation of a knowledge base came to answer, by a re-index or a roll-back."""

    type: ClassVar[str] = "vector.updated"
    tenant_id: UUID
    knowledge_base_id: UUID
    generation_id: int
    previous_generation_id: int
    model: str
    chunking: dict[str, Any]
    is_rollback: bool

    @property
    def key(self) -> UUID:
        return self.knowledge_base_id


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorDeleted:
    """A generation was dropped with its vectors."""

    type: ClassVar[str] = "vector.deleted"
    tenant_id: UUID
    knowledge_base_id: UUID
    generation_id: int

    @property
    def key(self) -> UUID:
        return self.knowledge_base_id


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryProcessed:
    """A question was answered, or honestly not."""

    type: ClassVar[str] = "query.processed"
    tenant_id: UUID
    query_id: UUID
    found: bool
    generator: str
    passages: int
    citations: int
    milliseconds: dict[str, float]

    @property
    def key(self) -> UUID:
        return self.query_id
