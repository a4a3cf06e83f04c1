"""The embeddings of a generation: which are missing, which can be reused, and how they are computed and written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from apps.documents.chunking.types import Embed
from apps.documents.masking.texts import originals_of
from apps.documents.models import Chunk
from apps.models.gateway import Deadline, Purpose, TextRole, embed
from apps.models.selectors import embedding_model_version
from apps.retrieval.index.parts import part_homes, parts_hold
from apps.retrieval.index.stores.ledger import stored_note
from apps.retrieval.models import Held, IndexGeneration, parts_now
from ragsite.core.database import connection_release

EMBED_SECONDS = 600.0
"""For a few hundred chunks, and those of others before them: a large model on two cores embeds some three a second."""


BATCH = 256


@dataclass(frozen=True, slots=True)
class PendingChunk:
    """A chunk that has no vector in a generation yet."""

    chunk_id: int
    version_id: UUID
    text: str


def embeddings_reuse(generation: IndexGeneration, chunk_ids: Sequence[int]) -> set[int]:
    """Give chunks the vector of a chunk with the same text in the same generation, if there is one; those that got one."""
    return _reuse(generation, [generation], "c.id = ANY(%(chunks)s)", {"chunks": list(chunk_ids)})


def embeddings_copy(generation: IndexGeneration, version_ids: Sequence[UUID]) -> int:
    """Give chunks the vector that their text has in any generation of the knowledge base made by the same model version;
    how many got one.
    """
    same_model = IndexGeneration.objects.filter(
        knowledge_base=generation.knowledge_base_id, model_version=generation.model_version_id
    )
    chosen = "c.version_id = ANY(%(versions)s) AND c.chunking_key = %(key)s"
    parameters = {"key": generation.chunking_key, "versions": list(version_ids)}
    return len(_reuse(generation, same_model, chosen, parameters))


def _reuse(
    generation: IndexGeneration, sources: Iterable[IndexGeneration], chosen: str, parameters: dict[str, Any]
) -> set[int]:
    """Where it is divided, of chunks whose part is there; the others' vectors are computed."""
    at, home = (_AT_PART, "p.id") if generation.is_divided else ("", "%(generation)s")
    own: Sequence[Held] = [generation]
    if generation.is_divided:
        own = parts_hold(generation)
    statement = _REUSE.format(chosen=chosen, at=at, home=home, own=_numbers(own), sources=_held(*sources))
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters | {"generation": generation.pk, "parts": generation.parts})
        written = {chunk_id for (chunk_id,) in cursor.fetchall()}
    stored_note(generation, sorted(written))
    return written


def versions_lacking(generation: IndexGeneration, version_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the versions of which the generation does not have every chunk's vector, in the order of their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_LACKING_OF.format(lacks=_lacks(generation)), _of(generation) | {"versions": list(version_ids)})
        return [version_id for (version_id,) in cursor.fetchall()]


def ready_versions_lacking(generation: IndexGeneration, *, limit: int) -> list[UUID]:
    """Up to `limit` ready versions of living documents that `versions_lacking` would name, in no order."""
    with connection.cursor() as cursor:
        cursor.execute(_LACKING_READY.format(lacks=_lacks(generation)), _of(generation) | {"limit": limit})
        return [version_id for (version_id,) in cursor.fetchall()]


def _held(*generations: IndexGeneration) -> str:
    """The numbers under which their vectors are. They stand in a statement's text, so that no plan opens other partitions."""
    return _numbers([held for generation in generations for held in parts_now(generation)])


def _numbers(held: Sequence[Held]) -> str:
    return ",".join(str(one.pk) for one in held) or "NULL"


def _lacks(generation: IndexGeneration) -> str:
    return _LACKS.format(held=_held(generation))


def _of(generation: IndexGeneration) -> dict[str, Any]:
    return {"key": generation.chunking_key, "knowledge_base": generation.knowledge_base_id}


def chunks_pending(generation: IndexGeneration, version_ids: Sequence[UUID]) -> Iterator[list[PendingChunk]]:
    """The chunks of the versions that have no vector, in batches of BATCH; no connection is held between two."""
    after = 0
    while batch := _pending(generation, version_ids, after):
        yield batch
        after = batch[-1].chunk_id


def chunks_pending_of(generation: IndexGeneration, shares: Mapping[UUID, int]) -> dict[UUID, list[PendingChunk]]:
    """For each of the versions up to so many of its chunks that have no vector, the first of its text first."""
    parameters: dict[str, Any] = {
        "key": generation.chunking_key, "versions": list(shares), "shares": list(shares.values()),
    }  # fmt: skip
    pending: dict[UUID, list[PendingChunk]] = {version_id: [] for version_id in shares}
    with connection.cursor() as cursor:
        cursor.execute(_PENDING_OF.format(held=_held(generation)), parameters)
        rows = cursor.fetchall()
    for one in _as_indexed(rows):
        pending[one.version_id].append(one)
    return pending


def _pending(generation: IndexGeneration, version_ids: Sequence[UUID], after: int) -> list[PendingChunk]:
    with connection.cursor() as cursor:
        cursor.execute(
            _PENDING.format(held=_held(generation)),
            {
                "versions": list(version_ids),
                "key": generation.chunking_key,
                "after": after,
                "limit": BATCH,
            },
        )
        rows = cursor.fetchall()
    return _as_indexed(rows)


def _as_indexed(rows: Sequence[tuple[Any, ...]]) -> list[PendingChunk]:
    """Chunks with what is embedded for them: what they say, also where masks are shown in its place."""
    originals = originals_of({row[1] for row in rows}) if rows else {}
    return [
        PendingChunk(
            chunk_id,
            version_id,
            Chunk.embedded_text(originals[version_id][start:end] if version_id in originals else text, header, context),
        )
        for chunk_id, version_id, text, header, context, start, end in rows
    ]


def embeddings_write(generation: IndexGeneration, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
    """Write vectors (n, d) by binary COPY, straight into the generation's partition or into those of its parts, in the caller's
    transaction.

    Raises:
        IntegrityError: a vector is not as wide as the generation's, or its chunk has one already.
        TransientError: as `part_homes`.
    """
    for held, places in part_homes(generation, chunk_ids).items():
        own = chunk_ids if len(places) == len(chunk_ids) else [chunk_ids[place] for place in places]
        _copy(held, own, vectors if own is chunk_ids else vectors[places])
    stored_note(generation, chunk_ids)


def _copy(held: Held, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
    statement = f"COPY {held.partition} (generation_id, chunk_id, embedding) FROM STDIN (FORMAT BINARY)"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_copy_data(held.pk, chunk_ids, vectors))


def _copy_data(part_id: int, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> bytes:
    """The rows in PostgreSQL's binary COPY format, as pgvector receives a halfvec: dimensions, unused, half floats.

    https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"; all numbers are big-endian.
    """
    number, width = vectors.shape
    if len(chunk_ids) != number:
        raise ValueError(f"{len(chunk_ids)} chunks and {number} vectors")
    rows = np.empty(number, dtype=_copy_row(width))
    rows["fields"], rows["generation_bytes"], rows["chunk_bytes"] = 3, 8, 8
    rows["vector_bytes"], rows["dimensions"], rows["unused"] = 4 + 2 * width, width, 0
    rows["generation"], rows["chunk"], rows["vector"] = part_id, chunk_ids, vectors
    return _COPY_START + rows.tobytes() + _COPY_END


def _copy_row(width: int) -> np.dtype[np.void]:
    return np.dtype(
        [
            ("fields", ">i2"),
            ("generation_bytes", ">i4"),
            ("generation", ">i8"),
            ("chunk_bytes", ">i4"),
            ("chunk", ">i8"),
            ("vector_bytes", ">i4"),
            ("dimensions", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f2", (width,)),
        ]
    )


_COPY_START = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"


_PENDING = """
    SELECT c.id, c.version_id, c.text, c.table_header, c.context, c.start, c."end"
    FROM documents_chunk c
    WHERE c.version_id = ANY(%(versions)s) AND c.chunking_key = %(key)s AND c.id > %(after)s
      AND NOT EXISTS (
          SELECT FROM retrieval_embedding e WHERE e.generation_id IN ({held}) AND e.chunk_id = c.id)
    ORDER BY c.id
    LIMIT %(limit)s
"""

_PENDING_OF = """
    SELECT first.id, first.version_id, first.text, first.table_header, first.context, first.start, first."end"
    FROM unnest(%(versions)s::uuid[], %(shares)s::int[]) AS given(version_id, share), LATERAL (
        SELECT c.id, c.version_id, c.text, c.table_header, c.context, c.start, c."end"
        FROM documents_chunk c
        WHERE c.version_id = given.version_id AND c.chunking_key = %(key)s
          AND NOT EXISTS (
              SELECT FROM retrieval_embedding e WHERE e.generation_id IN ({held}) AND e.chunk_id = c.id)
        ORDER BY c.ordinal
        LIMIT given.share
    ) AS first
"""

_REUSE = """
    INSERT INTO retrieval_embedding (generation_id, chunk_id, embedding)
    SELECT DISTINCT ON (c.id) {home}, c.id, e.embedding
    FROM documents_chunk c
    {at}
    JOIN documents_chunk twin ON twin.content_hash = c.content_hash
    JOIN retrieval_embedding e ON e.generation_id IN ({sources}) AND e.chunk_id = twin.id
    WHERE {chosen}
      AND NOT EXISTS (
          SELECT FROM retrieval_embedding own WHERE own.generation_id IN ({own}) AND own.chunk_id = c.id)
    ON CONFLICT DO NOTHING
    RETURNING chunk_id
"""

_AT_PART = """
    JOIN retrieval_indexpart p ON p.generation_id = %(generation)s AND p.key = retrieval_part_key(%(parts)s, c.version_id)
"""

_LACKS = """(
    NOT EXISTS (SELECT FROM documents_chunk c WHERE c.version_id = v.id AND c.chunking_key = %(key)s)
    OR EXISTS (
        SELECT FROM documents_chunk c
        WHERE c.version_id = v.id AND c.chunking_key = %(key)s AND NOT EXISTS (
            SELECT FROM retrieval_embedding e WHERE e.generation_id IN ({held}) AND e.chunk_id = c.id)))
"""

_LACKING_OF = """
    SELECT v.id FROM documents_documentversion v WHERE v.id = ANY(%(versions)s) AND {lacks} ORDER BY v.id
"""

_LACKING_READY = """
    SELECT v.id
    FROM documents_document d JOIN documents_documentversion v ON v.document_id = d.id
    WHERE d.knowledge_base_id = %(knowledge_base)s AND d.deleted_at IS NULL AND v.status = 'ready' AND {lacks}
    LIMIT %(limit)s
"""


def embedder(
    model_version_id: UUID, *, deadline: Deadline | None = None, before: Callable[[], None] = lambda: None
) -> Embed:
    """Texts in, their vectors (n, d) out. Each call may take EMBED_SECONDS, or all of them until `deadline`; `before` is
    called first and may raise.
    """

    def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
        before()
        model = embedding_model_version(model_version_id)
        connection_release()
        until = deadline or Deadline.after(EMBED_SECONDS)
        return embed(texts, role=TextRole.DOCUMENT, model=model, purpose=Purpose.INDEX, deadline=until)

    return vectors
