"""A version's chunks: while a knowledge base is re-chunked there are two sets of them, and one answers."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk, DocumentVersion


def chunks_of_version(version: DocumentVersion) -> QuerySet[Chunk]:
    """Those that the knowledge base's present chunking made, in the order of the text."""
    key = ChunkingSettings.from_dict(version.document.knowledge_base.chunking).key
    return Chunk.objects.filter(version=version, chunking_key=key).order_by("ordinal")
