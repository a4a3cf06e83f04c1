"""Whether a restored installation is whole, as the application sees it: blobs by their digests, and a chunk that is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from django.db import connection
from pgvector import HalfVector

from apps.documents.blobs import PIECE_BYTES, blob_open
from apps.documents.models import Chunk
from apps.documents.rights.access import AccessScope
from apps.retrieval.models import Embedding, GenerationState, IndexGeneration
from apps.retrieval.search.dense import dense_search
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.lexical import lexical_search
from ragsite.backups.copying import Source, Tell, fault_of, in_threads
from ragsite.backups.manifest import Fault, StoredFile
from ragsite.backups.snapshots import BLOBS_NAMED

LOOKED_THROUGH = 50
MOST_WORDS = 12


@dataclass(frozen=True, slots=True)
class Looked:
    """A chunk that was looked for, and by what it was found; an empty `title` where there is none to look for."""

    title: str = ""
    by_words: bool = False
    by_vector: bool = False

    @property
    def is_well(self) -> bool:
        return not self.title or (self.by_words and self.by_vector)


def blobs_look(*, tell: Tell) -> list[Fault]:
    """Read every blob that a version names, and say which are missing or have other bytes than the version says."""
    faults = []
    for fault in in_threads(lambda source: fault_of(source.file, source.read), _named()):
        tell(1)
        faults += [fault] if fault else []
    return faults


def chunk_look() -> Looked:
    """Look for a chunk that everybody may find who reads its knowledge base: by its own words, and by its own vector."""
    for generation in IndexGeneration.objects.filter(state=GenerationState.LIVE).select_related("knowledge_base"):
        living = Chunk.objects.filter(
            version__current_of__deleted_at=None,
            version__current_of__restricted=False,
            version__current_of__knowledge_base=generation.knowledge_base_id,
        )
        vectors = Embedding.objects.filter(generation=generation, chunk__in=living).select_related("chunk")
        found = vectors.order_by("chunk_id").first()
        if found is not None and generation.knowledge_base.deleted_at is None:
            return _looked_for(generation, found)
    return Looked()


def _looked_for(generation: IndexGeneration, found: Embedding) -> Looked:
    base = generation.knowledge_base
    scope = AccessScope(base.tenant_id, frozenset({base.pk}), for_all_readers=True)
    condition = scope_condition(scope)
    vector = _numbers(found.embedding)
    near = dense_search(condition, scope=scope, generations=[generation], vector=vector, limit=LOOKED_THROUGH)
    words = " ".join(found.chunk.text.split()[:MOST_WORDS])
    worded = lexical_search(condition, scope=scope, generations=[generation], text=words, limit=LOOKED_THROUGH)
    title = found.chunk.version.document.title
    by_vector = any(hit.chunk_id == found.chunk_id for hit in near.hits)
    return Looked(title, any(hit.chunk_id == found.chunk_id for hit in worded.hits), by_vector)


def _numbers(vector: HalfVector) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return vector.to_numpy().astype(np.float32)


def _named() -> Iterator[Source]:
    with connection.cursor() as cursor:
        cursor.execute(BLOBS_NAMED)
        while rows := cursor.fetchmany(1_000):
            for name, digest, size in rows:
                yield Source(StoredFile(name, size, digest), partial(_read, name))


def _read(name: str) -> Iterator[bytes]:
    with blob_open(name) as stored:
        while piece := stored.read(PIECE_BYTES):
            yield piece
