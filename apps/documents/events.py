"""What happens to documents and knowledge bases, published to the outside. Fields only; order holds per key, which is the
document, or the knowledge base where it is about the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from ragsite.core.events import Event, event


@dataclass(frozen=True, slots=True, kw_only=True)
class _DocumentEvent(Event):
    knowledge_base_id: UUID
    document_id: UUID


@event("document.created", key="document_id")
class DocumentCreated(_DocumentEvent):
    """A document was accepted; it is not searchable yet."""

    version_id: UUID
    title: str
    content_hash: str


@event("document.updated", key="document_id")
class DocumentUpdated(_DocumentEvent):
    """Another version of the document became the one that answers, or what is said about the document changed."""

    version_id: UUID | None
    """The version that answers; null while none does."""
    version_number: int | None
    changed: tuple[str, ...]
    """`version`, or the names of the fields."""


@event("document.deleted", key="document_id")
class DocumentDeleted(_DocumentEvent):
    """The document is no longer found."""


@event("document.failed", key="document_id")
class DocumentFailed(_DocumentEvent):
    """A version failed for good; an earlier one, if any, keeps answering."""

    version_id: UUID
    stage: str
    error_code: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _GrantEvent(Event):
    """Of `user_id`, `group_id` and `api_key_id`, who was given it, one is set."""

    knowledge_base_id: UUID
    document_id: UUID | None
    """Null for a grant on a whole knowledge base."""
    grant_id: UUID
    user_id: int | None
    group_id: int | None
    api_key_id: UUID | None
    role: str = "reader"
    """What people may with it in a whole knowledge base: `reader`, `editor` or `owner`."""


@event("grant.created", key=("document_id", "knowledge_base_id"))
class GrantCreated(_GrantEvent):
    """Somebody was given the right to read a knowledge base or a document."""


@event("grant.deleted", key=("document_id", "knowledge_base_id"))
class GrantDeleted(_GrantEvent):
    """A grant was revoked."""


@event("knowledge_base.updated", key="knowledge_base_id")
class KnowledgeBaseUpdated(Event):
    """What is said about a knowledge base, or who may read it, changed."""

    knowledge_base_id: UUID
    changed: tuple[str, ...]
    """The names of the fields."""
    visibility: str
