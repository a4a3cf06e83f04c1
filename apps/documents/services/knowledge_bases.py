"""Knowledge bases as things that happen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.documents.models import Document, KnowledgeBase
from apps.documents.services.documents import document_delete
from ragsite.core.errors import ConflictError


def knowledge_base_create(
    *, tenant_id: UUID, name: str, description: str = "", chunking: dict[str, Any] | None = None
) -> KnowledgeBase:
    """A new, empty knowledge base.

    Raises:
        ConflictError: the tenant has one of that name.
    """
    try:
        with transaction.atomic():
            return KnowledgeBase.objects.create(
                tenant_id=tenant_id, name=name, description=description, chunking=chunking or {}
            )
    except IntegrityError as error:
        raise _name_taken(name) from error


def knowledge_base_update(*, knowledge_base: KnowledgeBase, **changes: str) -> KnowledgeBase:
    """Change name or description.

    Raises:
        ConflictError: the tenant has another one of that name.
    """
    for field, value in changes.items():
        setattr(knowledge_base, field, value)
    try:
        with transaction.atomic():
            knowledge_base.save(update_fields=list(changes))
    except IntegrityError as error:
        raise _name_taken(knowledge_base.name) from error
    return knowledge_base


def knowledge_base_delete(*, knowledge_base: KnowledgeBase) -> None:
    """Take the knowledge base and all its documents out of every search at once; the sweep purges the rows later."""
    with transaction.atomic():
        locked = KnowledgeBase.objects.select_for_update().get(pk=knowledge_base.pk)
        for document in Document.objects.filter(knowledge_base=locked, deleted_at=None):
            document_delete(document=document)
        KnowledgeBase.objects.filter(pk=locked.pk).update(deleted_at=Now())


def _name_taken(name: str) -> ConflictError:
    return ConflictError(f"There is already a knowledge base named {name!r}.", action="Choose another name.")
