"""What a re-index would take: how much there is to embed, how long that takes, how much room it needs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connection
from django.db.models import Count, Max, QuerySet

from apps.documents.chunking.context import context_room
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import Chunk, Document, DocumentVersion, VersionStatus
from apps.models.gateway import Deadline, Purpose, TextRole, embed
from apps.models.installed_model import EmbeddingModel
from apps.models.prompts import prompt_room
from apps.retrieval.models import IndexGeneration, parts_now
from ragsite.core.database import connection_release
from ragsite.core.errors import PermanentError, TransientError

SAMPLE = 16
"""Chunks that the model's rate is measured on, after as many that it may load itself for."""

SAMPLE_SECONDS = 60.0
TOO_LONG = "chunks_too_long"
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
class Planned:
    """The documents that a plan counts, and whether they are all of the knowledge base."""

    documents: QuerySet[Document]
    is_whole: bool = True

    def chunks(self, chunking_key: str) -> QuerySet[Chunk]:
        """Those of versions that answer or may be gone back to, cut in one way."""
        return Chunk.objects.filter(
            version__document__in=self.documents.values("pk"),
            version__status=VersionStatus.READY,
            chunking_key=chunking_key,
        )

    def versions(self) -> QuerySet[DocumentVersion]:
        return DocumentVersion.objects.filter(document__in=self.documents.values("pk"), status=VersionStatus.READY)


@dataclass(frozen=True, slots=True)
class _ChunkCount:
    chunks: int
    reused: int
    is_estimate: bool


def reindex_plan(
    live: IndexGeneration, *, model: EmbeddingModel, chunking: ChunkingSettings, planned: Planned
) -> ReindexPlan:
    """What building a generation with that model and chunking beside the live one would take. Writes nothing.

    Raises:
        PermanentError: (code `chunks_too_long`) as `check_fits`.
    """
    present = planned.chunks(live.chunking_key)
    check_fits(live, model, chunking, chunks=present)
    ready = planned.versions()
    documents, versions = ready.values("document").distinct().count(), ready.count()
    counted = _counted(live, model, chunking, planned=planned, versions=versions)
    rate = _rate(present, model)
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
        megabytes=round(_bytes(live, model, counted.chunks, is_whole=planned.is_whole) / 2**20, 1),
    )


def check_fits(
    live: IndexGeneration, model: EmbeddingModel, chunking: ChunkingSettings, *, chunks: QuerySet[Chunk]
) -> None:
    """Refuse a model that would not read the present chunks to their end, where they are kept.

    Raises:
        PermanentError: (code `chunks_too_long`) the message says how large chunks may be.
    """
    if chunking.key != live.chunking_key:
        return
    longest = chunks.aggregate(longest=Max("token_count"))["longest"] or 0
    limit = model.max_tokens - SPECIAL_TOKENS - prompt_room(model.prompts.document)
    limit -= context_room(chunking.context, limit)
    if longest > limit:
        raise PermanentError(
            f"{model.name} reads {limit} tokens, and the longest passage has {longest}.",
            code=TOO_LONG,
            action=f"Give chunking with a size of at most {limit}, too.",
        )


def planned_whole(live: IndexGeneration) -> Planned:
    """All documents of the generation's knowledge base."""
    return Planned(Document.objects.filter(knowledge_base=live.knowledge_base_id, deleted_at=None))


def _counted(
    live: IndexGeneration, model: EmbeddingModel, chunking: ChunkingSettings, *, planned: Planned, versions: int
) -> _ChunkCount:
    chunks = planned.chunks(chunking.key)
    found = chunks.aggregate(
        cut=Count("version", distinct=True), chunks=Count("pk"), texts=Count("content_hash", distinct=True)
    )
    if found["cut"] < versions:
        return _ChunkCount(_chunks_expected(live, chunking, planned=planned, versions=versions), 0, is_estimate=True)
    known = _hashes_known(live, model, planned)
    known_texts = chunks.filter(content_hash__in=known).aggregate(n=Count("content_hash", distinct=True))["n"]
    return _ChunkCount(found["chunks"], found["chunks"] - found["texts"] + known_texts, is_estimate=False)


def _hashes_known(live: IndexGeneration, model: EmbeddingModel, planned: Planned) -> QuerySet[Chunk, Any]:
    """Of texts that the model has embedded for the knowledge base; only of planned documents, or what others say would show."""
    mine = {} if planned.is_whole else {"version__document__in": planned.documents.values("pk")}
    same_model = IndexGeneration.objects.filter(knowledge_base=live.knowledge_base_id, model_version=model.version_id)
    numbers = [held.pk for generation in same_model for held in parts_now(generation)]
    embedded = Chunk.objects.filter(embeddings__part_id__in=numbers, **mine)
    return embedded.values_list("content_hash", flat=True)


def _chunks_expected(live: IndexGeneration, chunking: ChunkingSettings, *, planned: Planned, versions: int) -> int:
    """As many more chunks as each has less room for new text."""
    now, then = ChunkingSettings.from_dict(live.chunking), chunking
    room = (now.size - now.overlap) / (then.size - then.overlap)
    return max(versions, round(planned.chunks(live.chunking_key).count() * room))


def _rate(present: QuerySet[Chunk], model: EmbeddingModel) -> float | None:
    """Chunks a second that the model embeds, measured on some of the present ones."""
    rows = present.order_by("pk").values_list("text", "table_header", "context")[: 2 * SAMPLE]
    texts = [Chunk.embedded_text(*row) for row in rows]
    connection_release()
    asked = partial(
        embed, role=TextRole.DOCUMENT, model=model, purpose=Purpose.INDEX, deadline=Deadline.after(SAMPLE_SECONDS)
    )
    try:
        asked(texts[SAMPLE:] or texts)
        started = time.monotonic()
        asked(texts[:SAMPLE])
    except TransientError:
        return None
    return len(texts[:SAMPLE]) / max(time.monotonic() - started, 1e-6)


def _bytes(live: IndexGeneration, model: EmbeddingModel, chunks: int, *, is_whole: bool) -> float:
    """As the live generation's partitions with their indexes, for so many rows of that width; empty ones tell nothing. Of a part
    of the documents without indexes: their size would tell of the others.
    """
    own = BYTES_BESIDE_VECTOR + 2 * model.dimensions
    if not is_whole:
        return chunks * own
    with connection.cursor() as cursor:
        tables = [held.partition for held in parts_now(live)]
        cursor.execute(
            "SELECT coalesce(sum(pg_total_relation_size(name::regclass)), 0) FROM unnest(%s::text[]) name", [tables]
        )
        size, rows = int(cursor.fetchone()[0]), live.embeddings.count()
    return chunks * (own if not rows else size / rows * own / (BYTES_BESIDE_VECTOR + 2 * live.dimensions))
