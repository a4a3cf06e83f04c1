"""Documents made of given chunks, where parsing and chunking would be a detour; and BM25 by brute force."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from apps.documents.models import Chunk, Document, DocumentVersion, KnowledgeBase, VersionStatus
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.lexical.analysis import terms_of_question, terms_of_text
from apps.retrieval.index.lexical.segments import LexicalIndex
from apps.retrieval.index.lexical.writing import lexical_text


def index_of(base: KnowledgeBase) -> LexicalIndex:
    generation = generation_ensure(base)
    return LexicalIndex(generation.knowledge_base_id, generation.chunking_key)


def document(base: KnowledgeBase, chunks: Sequence[str], *, title: str = "Note", current: bool = True) -> Document:
    """A document of these chunks, not yet in the lexical index."""
    made = Document.objects.create(
        tenant=base.tenant, knowledge_base=base, title=title, content_hash=f"{uuid.uuid4().hex}{uuid.uuid4().hex}"
    )
    version(made, chunks, current=current)
    return made


def version(of: Document, chunks: Sequence[str], *, current: bool = True) -> DocumentVersion:
    """A further version of the document, made of these chunks."""
    made = DocumentVersion.objects.create(
        document=of, number=of.versions.count() + 1, filename="a.txt", document_type="txt", size=1, blob="none",
        content_hash=uuid.uuid4().hex, status=VersionStatus.READY, chunk_count=len(chunks),
    )  # fmt: skip
    key = index_of(of.knowledge_base).chunking_key
    Chunk.objects.bulk_create(
        Chunk(
            version=made, chunking_key=key, ordinal=ordinal, start=0, end=1, text=text, token_count=1,
            content_hash=hashlib.sha256(text.encode()).digest(),
        )
        for ordinal, text in enumerate(chunks)
    )  # fmt: skip
    if current:
        of.current_version = made
        of.save(update_fields=["current_version"])
    return made


def found_chunks(base: KnowledgeBase) -> dict[int, list[str]]:
    """The terms of every chunk that may be found."""
    chunks = Chunk.objects.filter(version__current_of__knowledge_base=base, version__current_of__deleted_at=None)
    return {
        chunk.pk: terms_of_text(lexical_text(chunk, chunk.version.document.title), language="english")
        for chunk in chunks.select_related("version__document")
    }


def bm25_by_hand(
    chunks: Mapping[int, Iterable[str]], question: str, *, k1: float = 0.9, b: float = 0.4
) -> list[tuple[int, float]]:
    """Chunk ids and scores, best first, straight from the formula over a dense matrix."""
    ids = sorted(chunks)
    columns = {term: place for place, term in enumerate(sorted({term for terms in chunks.values() for term in terms}))}
    counts: NDArray[np.float64] = np.zeros((len(ids), len(columns)))
    for row, chunk_id in enumerate(ids):
        for term in chunks[chunk_id]:
            counts[row, columns[term]] += 1
    lengths = counts.sum(axis=1)
    scores = np.zeros(len(ids))
    for term in terms_of_question(question):
        if term in columns:
            having = counts[:, columns[term]]
            idf = math.log(1 + (len(ids) - (having > 0).sum() + 0.5) / ((having > 0).sum() + 0.5))
            scores += idf * having / (having + k1 * (1 - b + b * lengths / lengths.mean()))
    order = np.lexsort((ids, -scores.round(9)))
    return [(ids[place], float(scores[place])) for place in order if scores[place] > 0]
