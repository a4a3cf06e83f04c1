"""Vectors, passages and questions made by hand, where the stages would be a detour."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.retrieval.answers.types import Material
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.parts import parts_ensure
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.fusion import Scores
from apps.retrieval.search.passages import Passage

WIDTH = 384


def unit_vectors(number: int, seed: int = 7) -> NDArray[np.float32]:
    """Random directions (number, WIDTH)."""
    vectors = np.random.default_rng(seed).standard_normal((number, WIDTH)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def indexed(
    base: KnowledgeBase,
    vectors: NDArray[np.float32],
    *,
    types: Sequence[str] = ("txt",),
    added: Sequence[datetime] = (),
) -> tuple[IndexGeneration, list[Document]]:
    """A document with one chunk for each vector, as the stages would have left them; types and times are given in turn."""
    generation = generation_ensure(base)
    hashes = [f"{uuid.uuid4().hex}{uuid.uuid4().hex}" for _ in vectors]
    documents = [
        Document(tenant=base.tenant, knowledge_base=base, title=f"Document {number}", content_hash=content_hash)
        for number, content_hash in enumerate(hashes)
    ]
    for document, when in zip(documents, cycle(added), strict=False):
        document.created_at = when
    Document.objects.bulk_create(documents)
    versions = [
        DocumentVersion(
            document=document, number=1, filename="a.txt", document_type=kind, content_hash=document.content_hash,
            blob=document.content_hash, size=1, status=VersionStatus.READY, chunk_count=1,
        )
        for document, kind in zip(documents, cycle(types), strict=False)
    ]  # fmt: skip
    DocumentVersion.objects.bulk_create(versions)
    for document, version in zip(documents, versions, strict=True):
        document.current_version = version
    Document.objects.bulk_update(documents, ["current_version"])
    chunks = [
        Chunk(
            version=version, chunking_key=generation.chunking_key, ordinal=0, start=0, end=9, token_count=2,
            text=f"Text {number:04}", content_hash=hashlib.sha256(str(number).encode()).digest(),
        )
        for number, version in enumerate(versions)
    ]  # fmt: skip
    Chunk.objects.bulk_create(chunks)
    parts_ensure(generation, [version.pk for version in versions])
    embeddings_write(generation, [chunk.pk for chunk in chunks], vectors)
    return generation, documents


def passage(text: str, **fields: Any) -> Passage:
    """A passage of a document of its own, if no version is given."""
    values: dict[str, Any] = {
        "chunk_id": zlib.crc32(text.encode()), "document_id": uuid.UUID(int=1), "document_title": "Handbook",
        "knowledge_base_id": uuid.UUID(int=2), "version_id": uuid.uuid5(uuid.UUID(int=3), text), "version_number": 1,
        "start": 0, "heading_path": (), "place": None, "score": 0.8, "scores": Scores(lexical=8.0, lexical_rank=1),
    }  # fmt: skip
    values |= fields
    return Passage(**values, text=text, end=values["start"] + len(text))


def material(text: str, *passages: Passage) -> Material:
    """A question and what it is to be answered from."""
    return Material(text, passages)
