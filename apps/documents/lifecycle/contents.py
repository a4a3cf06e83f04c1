"""Which bytes a document holds now. Another document may come to hold the same."""

from __future__ import annotations

from uuid import UUID

from apps.documents.models import Document


def document_hold(document_id: UUID, content_hash: str) -> None:
    """Note that the document holds bytes of this SHA-256 now. What it came to hold later it does not reserve."""
    changed = Document.objects.filter(pk=document_id).exclude(content_hash=content_hash)
    changed.update(content_hash=content_hash, reserves_content=False)
