"""Uploading over HTTP as a client does, and counting what it left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from ragsite.core.models import OutboxEvent
from tests import factories as make

DOCUMENTS, BASES = "/api/v1/documents/", "/api/v1/knowledge-bases/"


def blobs() -> list[Path]:
    return [path for path in Path(settings.RAGSITE_BLOB_DIR).rglob("*") if path.is_file()]


def counts() -> tuple[int, int, int, int]:
    """Documents, versions, events, blobs."""
    return Document.objects.count(), DocumentVersion.objects.count(), OutboxEvent.objects.count(), len(blobs())


def upload(
    client: Client, base: KnowledgeBase, content: str | bytes = "Some text.", name: str = "note.txt", **fields: Any
) -> Any:
    return client.post(DOCUMENTS, {"knowledge_base": str(base.pk), "file": make.file(content, name), **fields})
