"""A generation gets what it lacks, a portion at a time: chunks where it cuts otherwise, vectors, terms.

What it lacks is computed again each time, so that an interruption costs a portion and changes meanwhile are included. All
ready versions count and not just current ones: rolling back to one embeds nothing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import F
from numpy.typing import NDArray

from apps.documents.masking.keeping import masking_unchanged
from apps.documents.models import Chunk, DocumentVersion
from apps.retrieval.index.embeddings import (
    PendingChunk,
    embeddings_copy,
    embeddings_write,
    ready_versions_lacking,
    versions_lacking,
)
from apps.retrieval.index.indexing import chunking_hold, pending_embedded, version_cut
from apps.retrieval.index.lexical.writing import lexical_build
from apps.retrieval.index.parts import parts_ensure
from apps.retrieval.models import IndexGeneration, Reindex
from apps.retrieval.reindexing.holding import reindex_hold
from apps.retrieval.reindexing.switching import generation_of, index_of
from ragsite.core.database import rows_insert
from ragsite.core.errors import PermanentError
from ragsite.core.leases import Claim

PAGE = 256
"""Versions that are looked at together."""

CHUNKS = 512
"""Chunks of a portion, about: a version is never divided."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Versions to be worked on together, and where the walk through all versions stands after them."""

    version_ids: tuple[UUID, ...]
    walked_to: UUID | None = None
    is_walked: bool = True


def portion_build(claim: Claim, reindex: Reindex) -> bool:
    """Give the generation the next portion of what it lacks; False where it lacks nothing.

    Raises:
        LeaseLostError: somebody else took over, or ended the re-index.
        PermanentError: a document cannot be cut as the generation asks.
        TransientError: a model is away, or a document's chunking was changed meanwhile.
    """
    started = time.monotonic()
    generation, portion = generation_of(reindex), _portion(reindex)
    if not portion.version_ids:
        _note(claim, portion)
        return not reindex.is_walked or bool(lexical_build(index_of(generation)))
    _cut_missing(claim, generation, portion.version_ids)
    parts_ensure(generation, portion.version_ids)
    with transaction.atomic():
        reindex_hold(claim)
        versions_keep(portion.version_ids)
        reused = embeddings_copy(generation, portion.version_ids)
    embedded = _embed_missing(claim, generation, portion.version_ids)
    _note(claim, portion, embedded=embedded, reused=reused, seconds=time.monotonic() - started)
    return True


def _portion(reindex: Reindex) -> Portion:
    """The first walk goes from version to version, so that none is looked at twice; after it only what is lacking is
    looked for.
    """
    generation = generation_of(reindex)
    if reindex.is_walked:
        return Portion(portion_of(ready_versions_lacking(generation, limit=PAGE)))
    page = _page(reindex)
    if not page:
        return Portion(())
    lacking = versions_lacking(generation, page)
    chosen = portion_of(lacking)
    return Portion(chosen, page[-1] if len(chosen) == len(lacking) else chosen[-1], is_walked=False)


def _page(reindex: Reindex) -> list[UUID]:
    ready = DocumentVersion.objects.filter(
        document__knowledge_base=reindex.knowledge_base_id, document__deleted_at=None, status="ready"
    )
    later = ready.filter(pk__gt=reindex.walked_to) if reindex.walked_to else ready
    return list(later.order_by("pk").values_list("pk", flat=True)[:PAGE])


def portion_of(version_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    """The first versions that have about CHUNKS chunks together, and at least one."""
    counts = dict(DocumentVersion.objects.filter(pk__in=version_ids).values_list("pk", "chunk_count"))
    chosen: list[UUID] = []
    total = 0
    for version_id in version_ids:
        if chosen and total + counts.get(version_id, 0) > CHUNKS:
            break
        chosen.append(version_id)
        total += counts.get(version_id, 0)
    return tuple(chosen)


def _cut_missing(claim: Claim, generation: IndexGeneration, version_ids: Sequence[UUID]) -> None:
    cut = Chunk.objects.filter(version__in=version_ids, chunking_key=generation.chunking_key).values("version")
    missing = DocumentVersion.objects.filter(pk__in=version_ids).exclude(pk__in=cut)
    versions = list(missing.select_related("document", "parsed", "original"))
    rows = {version.pk: _cut(version, generation) for version in versions}
    if not rows:
        return
    with transaction.atomic():
        reindex_hold(claim)
        there = chunking_hold([version.document for version in versions])
        masking_unchanged([version for version in versions if version.document_id in there])
        kept = [row for version in versions if version.document_id in there for row in rows[version.pk]]
        rows_insert(kept)


def _cut(version: DocumentVersion, generation: IndexGeneration) -> list[Chunk]:
    try:
        return version_cut(version, generation)
    except PermanentError as error:
        raise PermanentError(
            f"Version {version.number} of {version.document.title!r} cannot be chunked like this: {error.message}",
            code=error.error_code,
            action="Change the document's own chunking, or delete it, and resume; or cancel the re-index.",
        ) from error


def _embed_missing(claim: Claim, generation: IndexGeneration, version_ids: Sequence[UUID]) -> int:
    """Embed what has no vector yet, a batch at a time; how many vectors were written."""
    written = 0
    for batch, vectors in pending_embedded(generation, version_ids):
        with transaction.atomic():
            held = reindex_hold(claim)
            written += vectors_keep(generation, batch, vectors)
            Reindex.objects.filter(pk=held.pk).update(attempts=1, error="")
    return written


def vectors_keep(generation: IndexGeneration, batch: Sequence[PendingChunk], vectors: NDArray[np.float32]) -> int:
    """Write the vectors (n, d) of those chunks that were not deleted meanwhile, in the caller's transaction; how many."""
    versions_keep({pending.version_id for pending in batch})
    there = [place for place, is_there in enumerate(_are_there(batch)) if is_there]
    embeddings_write(generation, [batch[place].chunk_id for place in there], vectors[there])
    return len(there)


def versions_keep(version_ids: Collection[UUID]) -> None:
    """Let nobody remove one of these versions, or chunks of it, until the transaction ends; other work on them goes on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM documents_documentversion WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [list(version_ids)]
        )


def _are_there(batch: Sequence[PendingChunk]) -> list[bool]:
    """Which chunks were not deleted meanwhile."""
    chunks = Chunk.objects.filter(pk__in=[pending.chunk_id for pending in batch])
    found = set(chunks.values_list("pk", flat=True))
    return [pending.chunk_id in found for pending in batch]


def _note(claim: Claim, portion: Portion, *, embedded: int = 0, reused: int = 0, seconds: float = 0.0) -> None:
    counted = DocumentVersion.objects.filter(pk__in=portion.version_ids).values_list("chunk_count", flat=True)
    done = sum(counted)
    with transaction.atomic():
        held = reindex_hold(claim)
        Reindex.objects.filter(pk=held.pk).update(
            walked_to=portion.walked_to, is_walked=portion.is_walked, attempts=1, error="",
            chunk_done=F("chunk_done") + done, embedded=F("embedded") + embedded, reused=F("reused") + reused,
            seconds=F("seconds") + seconds,
        )  # fmt: skip
