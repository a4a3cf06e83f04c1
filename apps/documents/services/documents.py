"""Documents as things that happen after their upload."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from apps.documents.events import DocumentDeleted, DocumentUpdated
from apps.documents.lifecycle.rechunking import chunking_check, document_rechunk
from apps.documents.metadata import metadata_check
from apps.documents.models import KEPT_BY_TRIGGER, LIVING, Document
from ragsite.core.actors import Actor
from ragsite.core.bounds import lengths_check
from ragsite.core.composing import composed_json, spellings
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition, etag_of

ETAG_FIELDS = ("title", "external_id", "metadata", "tags", "chunking", "restricted", "content_hash")
"""What callers can change about a document. How far the work on it has come is no part of it."""


def document_etag(document: Document) -> str:
    """The ETag of a document."""
    return etag_of(document, *ETAG_FIELDS)


def document_update(
    *, document: Document, actor: Actor, condition: Condition = UNCONDITIONAL, **changes: Any
) -> Document:
    """Change `title`, `metadata`, `tags`, `external_id`, `restricted` or `chunking`. If nothing changes there is no event.

    Other chunking re-chunks the document, see `document_rechunk`; all other changes leave the index as it is.

    Raises:
        PermanentError: more is said about it than is kept; nothing is changed.
        InvalidChunkingError: no document of the knowledge base can be cut by that chunking; nothing is changed.
        PreconditionFailedError: it is not as the condition says; nothing is changed.
        ConflictError: another document of the knowledge base has that external id.
        NotFoundError: the document was deleted meanwhile.
    """
    changes = {name: composed_json(value) for name, value in changes.items()}
    lengths_check(Document, **{name: changes[name] for name in ("title", "external_id") if name in changes})
    if "metadata" in changes:
        metadata_check(changes["metadata"])
    try:
        with transaction.atomic():
            return _update(document, condition, changes, actor)
    except IntegrityError as error:
        raise _external_id_taken(changes["external_id"]) from error


def _update(document: Document, condition: Condition, changes: dict[str, Any], actor: Actor) -> Document:
    rows = Document.objects.select_for_update(of=("self",), no_key=True).filter(pk=document.pk)
    locked = rows.filter(LIVING).first()
    if locked is None:
        raise NotFoundError(f"There is no document {document.pk}; it was deleted a moment ago.")
    condition.check(document_etag(locked))
    changed = tuple(field for field, value in changes.items() if getattr(locked, field) != value)
    if "external_id" in changed:
        _external_id_check(locked, changes["external_id"])
    for field in changed:
        setattr(locked, field, changes[field])
    if "chunking" in changed:
        chunking_check(locked.knowledge_base, locked.chunking)
        document_rechunk(document=locked, actor=actor)
    if changed:
        locked.save(update_fields=changed)
        locked.refresh_from_db(fields=KEPT_BY_TRIGGER)
        emit(_updated_event(locked, changed), actor=actor)
    return locked


def _external_id_check(document: Document, wanted: str) -> None:
    """Looked at before it is written: two that want each other's would wait for each other."""
    others = Document.objects.filter(knowledge_base=document.knowledge_base_id, deleted_at=None).exclude(pk=document.pk)
    if wanted and others.filter(external_id__in=spellings(wanted)).exists():
        raise _external_id_taken(wanted)


def _external_id_taken(wanted: str) -> ConflictError:
    return ConflictError(
        f"Another document of this knowledge base has the external id {wanted!r}.",
        action="Choose another one, or upload a new version of that document.",
    )


def _updated_event(document: Document, changed: tuple[str, ...]) -> DocumentUpdated:
    current = document.current_version
    return DocumentUpdated(
        tenant_id=document.tenant_id,
        knowledge_base_id=document.knowledge_base_id,
        document_id=document.pk,
        version_id=current.pk if current else None,
        version_number=current.number if current else None,
        changed=changed,
    )


def document_delete(*, document: Document, actor: Actor, condition: Condition = UNCONDITIONAL) -> None:
    """Take the document out of every search at once. Deleting twice is one deletion.

    Raises:
        PreconditionFailedError: it is not as the condition says; it stays.
    """
    with transaction.atomic():
        locked = Document.objects.select_for_update(no_key=True).filter(pk=document.pk).first()
        if locked is None or locked.deleted_at is not None:
            return
        condition.check(document_etag(locked))
        Document.objects.filter(pk=locked.pk).update(deleted_at=Now())
        emit(
            DocumentDeleted(
                tenant_id=locked.tenant_id, knowledge_base_id=locked.knowledge_base_id, document_id=locked.pk
            ),
            actor=actor,
        )
