"""What happens to documents and knowledge bases, told to the outside. Fields only; order holds per key, which is the
document, or the knowledge base where it is about the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentEvent:
    tenant_id: UUID
    knowledge_base_id: UUID
    document_id: UUID

    @property
    def key(self) -> UUID:
        return self.document_id


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentCreated(_DocumentEvent):
    """A document was accepted; it is not searchable yet."""

    type: ClassVar[str] = "document.created"
    version_id: UUID
    title: str
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentUpdated(_DocumentEvent):
    """Another version of the document became the one that answers, or what is said about the document changed.

    `changed` tells which: `version`, or the names of the fields. The version is the one that answers, None while none does.
    """

    type: ClassVar[str] = "document.updated"
    version_id: UUID | None
    version_number: int | None
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDeleted(_DocumentEvent):
    """The document is no longer found."""

    type: ClassVar[str] = "document.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFailed(_DocumentEvent):
    """A version failed for good; an earlier one, if any, goes on answering."""

    type: ClassVar[str] = "document.failed"
    version_id: UUID
    stage: str
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _GrantEvent:
    """`document_id` is None for a grant on a whole knowledge base; of the three subjects one is given."""

    tenant_id: UUID
    knowledge_base_id: UUID
    document_id: UUID | None
    grant_id: UUID
    user_id: int | None
    group_id: int | None
    api_key_id: UUID | None

    @property
    def key(self) -> UUID:
        return self.document_id or self.knowledge_base_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantCreated(_GrantEvent):
    """Somebody was let read a knowledge base or a document."""

    type: ClassVar[str] = "grant.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDeleted(_GrantEvent):
    """A grant was taken back."""

    type: ClassVar[str] = "grant.deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBaseUpdated:
    """What is said about a knowledge base, or who may read it, changed; `changed` has the names of the fields."""

    type: ClassVar[str] = "knowledge_base.updated"
    tenant_id: UUID
    knowledge_base_id: UUID
    changed: tuple[str, ...]
    visibility: str

    @property
    def key(self) -> UUID:
        return self.knowledge_base_id
