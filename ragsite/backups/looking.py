"""Whether a restored installation is whole, as the application sees it: blobs by their digests, and a chunk that is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from apps.documents.models import Chunk
from apps.documents.rights.access import AccessScope
from apps.retrieval.models import Embedding, GenerationState, IndexGeneration
from apps.retrieval.search.dense import dense_search
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.lexical import lexical_search
from ragsite.backups.copying import Source, Tell, blob_parts, fault_of, in_threads
from ragsite.backups.manifest import Fault, StoredFile
from ragsite.backups.snapshots import BLOBS_NAMED

LOOKED_THROUGH = 50
MOST_WORDS = 100
TRIED = 3
"""Chunks of a generation: one that many others are equal to may not be among the first."""


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
    looked = Looked()
    live = IndexGeneration.objects.filter(state=GenerationState.LIVE, knowledge_base__deleted_at=None)
    for generation in live.select_related("knowledge_base"):
        for found in _vectors_of(generation)[:TRIED]:
            looked = _looked_for(generation, found)
            if looked.is_well:
                return looked
    return looked


def _vectors_of(generation: IndexGeneration) -> QuerySet[Embedding]:
    """Of chunks of current versions that are not restricted, in the order of chunks."""
    living = Chunk.objects.filter(
        version__current_of__deleted_at=None,
        version__current_of__restricted=False,
        version__current_of__knowledge_base=generation.knowledge_base_id,
    )
    vectors = generation.embeddings.filter(chunk__in=living)
    return vectors.select_related("chunk__version__document").order_by("chunk_id")


def _looked_for(generation: IndexGeneration, found: Embedding) -> Looked:
    base, chunk = generation.knowledge_base, found.chunk
    scope = AccessScope(base.tenant_id, frozenset({base.pk}), for_all_readers=True)
    asked: dict[str, Any] = {"scope": scope, "generations": [generation], "limit": LOOKED_THROUGH}
    condition = scope_condition(scope)
    near = dense_search(condition, vector=np.asarray(found.embedding, dtype=np.float32), **asked).hits
    worded = lexical_search(condition, text=" ".join(chunk.text.split()[:MOST_WORDS]), **asked).hits
    found_by = [any(hit.chunk_id == chunk.pk for hit in hits) for hits in (worded, near)]
    return Looked(chunk.version.document.title, *found_by)


def _named() -> Iterator[Source]:
    with connection.cursor() as cursor:
        cursor.execute(BLOBS_NAMED)
        while rows := cursor.fetchmany(1_000):
            for name, digest, size in rows:
                yield Source(StoredFile(name, size, digest), partial(blob_parts, name))
