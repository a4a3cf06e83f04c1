"""Documents as things that happen after their upload."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from apps.documents.blobs import blob_delete, blobs_older_than
from apps.documents.events import DocumentDeleted
from apps.documents.models import Document, DocumentVersion
from ragsite.core.outbox import emit

ORPHAN_SECONDS = 3600.0


def document_delete(*, document: Document) -> None:
    """Take the document out of every search at once. Deleting twice is one deletion."""
    with transaction.atomic():
        locked = Document.objects.select_for_update().get(pk=document.pk)
        if locked.deleted_at is not None:
            return
        Document.objects.filter(pk=locked.pk).update(deleted_at=Now())
        emit(
            DocumentDeleted(
                tenant_id=locked.tenant_id, knowledge_base_id=locked.knowledge_base_id, document_id=locked.pk
            )
        )


def documents_purge(*, limit: int = 100) -> int:
    """Remove the rows and bytes of deleted documents and emptied knowledge bases; the number of documents removed."""
    doomed = list(Document.objects.exclude(deleted_at=None).order_by("deleted_at")[:limit])
    for document in doomed:
        blobs = list(document.versions.values_list("blob", flat=True))
        with transaction.atomic():
            Document.objects.filter(pk=document.pk).update(current_version=None)
            document.delete()
        for blob in blobs:
            blob_delete(blob)
    return len(doomed)


def blobs_purge() -> int:
    """Remove blobs no version names, left by uploads that were interrupted; the number removed."""
    removed = 0
    for name in blobs_older_than(ORPHAN_SECONDS):
        if not DocumentVersion.objects.filter(blob=name).exists():
            blob_delete(name)
            removed += 1
    return removed
