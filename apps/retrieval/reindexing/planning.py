"""What a re-index would take: how much there is to embed, how long that takes, how much room it needs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max, QuerySet

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk, DocumentVersion, VersionStatus
from apps.models.gateway import Deadline, Purpose, embed
from apps.models.installed_model import EmbeddingModel
from apps.retrieval.models import IndexGeneration
from ragsite.core.database import connection_release
from ragsite.core.errors import PermanentError, TransientError

SAMPLE = 16
"""Chunks that the model's rate is measured on, after as many that it may load itself for."""

SAMPLE_SECONDS = 60.0
SPECIAL_TOKENS = 2
"""What a BERT-like model puts before and after each text."""

BYTES_BESIDE_VECTOR = 100
"""Of a row with its two indexes."""


@dataclass(frozen=True, slots=True)
class ReindexPlan:
    """`vectors` are those that a model has to make, `reused` those that are there already; `is_estimate` says whether
    the chunks are yet to be cut, so that their numbers are estimates. `seconds` is None where no model could be measured.
    """

    model: str
    dimensions: int
    chunking: dict[str, str | int]
    documents: int
    versions: int
    chunks: int
    is_estimate: bool
    vectors: int
    reused: int
    rate: float | None
    seconds: float | None
    megabytes: float


@dataclass(frozen=True, slots=True)
class _ChunkCount:
    chunks: int
    reused: int
    is_estimate: bool


def reindex_plan(live: IndexGeneration, *, model: EmbeddingModel, chunking: ChunkingSettings) -> ReindexPlan:
    """What building a generation with that model and chunking beside the live one would take. Writes nothing.

    Raises:
        PermanentError: (code `chunks_too_long`) as `check_fits`.
    """
    check_fits(live, model, chunking)
    documents, versions = _versions(live)
    counted = _counted(live, model, chunking, versions=versions)
    rate = _rate(live, model)
    vectors = counted.chunks - counted.reused
    return ReindexPlan(
        model=model.name,
        dimensions=model.dimensions,
        chunking=chunking.to_dict(),
        documents=documents,
        versions=versions,
        chunks=counted.chunks,
        is_estimate=counted.is_estimate,
        vectors=vectors,
        reused=counted.reused,
        rate=round(rate, 1) if rate else None,
        seconds=round(vectors / rate, 1) if rate else None,
        megabytes=round(_bytes(live, model, counted.chunks) / 2**20, 1),
    )


def check_fits(live: IndexGeneration, model: EmbeddingModel, chunking: ChunkingSettings) -> None:
    """Refuse a model that would not read the present chunks to their end, where they are kept.

    Raises:
        PermanentError: (code `chunks_too_long`) the message says how large chunks may be.
    """
    if chunking.key != live.chunking_key:
        return
    longest = _chunks_of(live).aggregate(longest=Max("token_count"))["longest"] or 0
    limit = model.max_tokens - SPECIAL_TOKENS
    if longest > limit:
        raise PermanentError(
            f"{model.name} reads {limit} tokens, and the longest chunk has {longest}.",
            code="chunks_too_long",
            action=f"Give chunking with a size of at most {limit}, too.",
        )


def _chunks_of(live: IndexGeneration) -> QuerySet[Chunk]:
    return Chunk.objects.filter(
        version__document__knowledge_base=live.knowledge_base_id,
        version__document__deleted_at=None,
        version__status=VersionStatus.READY,
        chunking_key=live.chunking_key,
    )


def _versions(live: IndexGeneration) -> tuple[int, int]:
    """Documents, and their versions that answer or may be gone back to."""
    ready = DocumentVersion.objects.filter(
        document__knowledge_base=live.knowledge_base_id, document__deleted_at=None, status=VersionStatus.READY
    )
    return ready.values("document").distinct().count(), ready.count()


def _counted(live: IndexGeneration, model: EmbeddingModel, chunking: ChunkingSettings, *, versions: int) -> _ChunkCount:
    parameters: dict[str, Any] = {
        "knowledge_base": live.knowledge_base_id,
        "key": chunking.key,
        "model": model.version_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, parameters)
        cut, chunks, texts, known = cursor.fetchone()
    if cut < versions:
        chunks = _chunks_expected(live, chunking, versions=versions)
        return _ChunkCount(chunks, 0, is_estimate=True)
    return _ChunkCount(chunks, chunks - texts + known, is_estimate=False)


def _chunks_expected(live: IndexGeneration, chunking: ChunkingSettings, *, versions: int) -> int:
    """As many more chunks as each has less room for new text."""
    now, then = ChunkingSettings.from_dict(live.chunking), chunking
    room = (now.size - now.overlap) / (then.size - then.overlap)
    return max(versions, round(_chunks_of(live).count() * room))


def _rate(live: IndexGeneration, model: EmbeddingModel) -> float | None:
    """Chunks a second that the model embeds, measured on some of the present ones."""
    rows = _chunks_of(live).order_by("pk").values_list("text", "table_header")[: 2 * SAMPLE]
    texts = [Chunk.embedded_text(text, header) for text, header in rows]
    connection_release()
    deadline = Deadline.after(SAMPLE_SECONDS)
    try:
        embed(texts[SAMPLE:] or texts, model=model, purpose=Purpose.INDEX, deadline=deadline)
        started = time.monotonic()
        embed(texts[:SAMPLE], model=model, purpose=Purpose.INDEX, deadline=deadline)
    except TransientError:
        return None
    return len(texts[:SAMPLE]) / max(time.monotonic() - started, 1e-6)


def _bytes(live: IndexGeneration, model: EmbeddingModel, chunks: int) -> float:
    """As the live generation's partition with its indexes, for so many rows of that width; an empty one tells nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s::regclass)", [live.partition])
        size, rows = cursor.fetchone()[0], live.embeddings.count()
    own = BYTES_BESIDE_VECTOR + 2 * model.dimensions
    return chunks * (own if not rows else size / rows * own / (BYTES_BESIDE_VECTOR + 2 * live.dimensions))


_COUNTED = """
    WITH chunk AS (
        SELECT c.version_id, c.content_hash
        FROM documents_document d
        JOIN documents_documentversion v ON v.document_id = d.id AND v.status = 'ready'
        JOIN documents_chunk c ON c.version_id = v.id AND c.chunking_key = %(key)s
        WHERE d.knowledge_base_id = %(knowledge_base)s AND d.deleted_at IS NULL
    ), known AS (
        SELECT DISTINCT twin.content_hash
        FROM retrieval_indexgeneration g
        JOIN retrieval_embedding e ON e.generation_id = g.id
        JOIN documents_chunk twin ON twin.id = e.chunk_id
        WHERE g.knowledge_base_id = %(knowledge_base)s AND g.model_version_id = %(model)s
    )
    SELECT count(DISTINCT version_id), count(*), count(DISTINCT content_hash),
           count(DISTINCT content_hash) FILTER (WHERE content_hash IN (SELECT content_hash FROM known))
    FROM chunk
"""
