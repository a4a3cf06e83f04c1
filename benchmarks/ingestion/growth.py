"""What is in a knowledge base already: does it slow down what comes in?"""

from __future__ import annotations

import hashlib
import uuid
from uuid import UUID

import numpy as np

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure, generation_index_if_large

CHUNKS_A_DOCUMENT = 500


def fill(knowledge_base_id: UUID, chunks: int) -> None:
    """Put that many chunks with vectors into a knowledge base, as the stages would have left them."""
    base = KnowledgeBase.objects.get(pk=knowledge_base_id)
    dice = np.random.default_rng(5)
    generation = generation_ensure(base)
    for start in range(0, chunks, CHUNKS_A_DOCUMENT):
        number = min(CHUNKS_A_DOCUMENT, chunks - start)
        ids = _document(base, generation.chunking_key, number)
        embeddings_write(generation, ids, dice.standard_normal((number, generation.dimensions)).astype(np.float32))
    generation_index_if_large(generation)


def _document(base: KnowledgeBase, chunking_key: str, number: int) -> list[int]:
    content_hash = hashlib.sha256(uuid.uuid4().bytes).hexdigest()
    document = Document.objects.create(
        tenant_id=base.tenant_id, knowledge_base=base, title="Before", content_hash=content_hash
    )
    version = DocumentVersion.objects.create(
        document=document,
        number=1,
        filename="before.txt",
        document_type="txt",
        content_hash=content_hash,
        blob=content_hash,
        size=1,
        status=VersionStatus.READY,
        chunk_count=number,
    )
    Document.objects.filter(pk=document.pk).update(current_version=version)
    rows = [_chunk(version, chunking_key, ordinal) for ordinal in range(number)]
    return [chunk.pk for chunk in Chunk.objects.bulk_create(rows)]


def _chunk(version: DocumentVersion, chunking_key: str, ordinal: int) -> Chunk:
    text = f"Passage {ordinal} of {version.pk}."
    return Chunk(
        version=version,
        chunking_key=chunking_key,
        ordinal=ordinal,
        start=ordinal * 100,
        end=ordinal * 100 + len(text),
        text=text,
        content_hash=hashlib.sha256(text.encode()).digest(),
        token_count=20,
    )
