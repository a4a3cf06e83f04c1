"""What happens to documents, told to the outside. Fields only; the key is the document, so order holds per document."""

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
