"""The access scope: what a caller may see. Every search takes one, and it becomes part of the SQL."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.core.errors import NotFoundError
from ragsite.gateway.keys import Principal


@dataclass(frozen=True, slots=True)
class AccessScope:
    """Knowledge bases of one tenant that may be read. An empty set finds nothing."""

    tenant_id: UUID
    knowledge_base_ids: frozenset[UUID]


def access_scope(principal: Principal, *, knowledge_base_ids: Collection[UUID] | None) -> AccessScope:
    """The scope of a request, resolved once: the named knowledge bases, or with None all that the caller may see.

    Raises:
        NotFoundError: a named knowledge base does not exist or belongs to somebody else; the two look alike.
    """
    visible = knowledge_bases_visible(principal)
    if knowledge_base_ids is not None:
        visible = visible.filter(pk__in=knowledge_base_ids)
    found = frozenset(visible.values_list("pk", flat=True))
    missing = sorted(str(wanted) for wanted in set(knowledge_base_ids or ()) - found)
    if missing:
        raise NotFoundError(f"There is no knowledge base {', '.join(missing)}.")
    return AccessScope(tenant_id=principal.tenant_id, knowledge_base_ids=found)


def knowledge_bases_visible(principal: Principal) -> QuerySet[KnowledgeBase]:
    """The knowledge bases a caller may see."""
    return KnowledgeBase.objects.filter(tenant_id=principal.tenant_id, deleted_at=None)


def knowledge_base_visible(principal: Principal, knowledge_base_id: UUID) -> KnowledgeBase:
    """The knowledge base of that id.

    Raises:
        NotFoundError: it does not exist or belongs to somebody else; the two look alike.
    """
    found = knowledge_bases_visible(principal).filter(pk=knowledge_base_id).first()
    if found is None:
        raise NotFoundError(f"There is no knowledge base {knowledge_base_id}.")
    return found


def documents_visible(principal: Principal) -> QuerySet[Document]:
    """The documents a caller may see."""
    return Document.objects.filter(
        tenant_id=principal.tenant_id, deleted_at=None, knowledge_base__deleted_at=None
    ).select_related("knowledge_base", "current_version")


def versions_visible(principal: Principal) -> QuerySet[DocumentVersion]:
    """The document versions a caller may see."""
    versions = DocumentVersion.objects.filter(
        document__tenant_id=principal.tenant_id,
        document__deleted_at=None,
        document__knowledge_base__deleted_at=None,
    )
    return versions.select_related("document").prefetch_related("stages")
