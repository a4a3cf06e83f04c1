"""Vectors into PostgreSQL: our COPY against Django's bulk_create, into the same partition."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
from django.db import transaction
from numpy.typing import NDArray
from pgvector import HalfVector

from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.models import Embedding, IndexGeneration

Write = Callable[[IndexGeneration, Sequence[int], NDArray[np.float32]], object]
BATCH = 256


def compare(generation: IndexGeneration, chunk_ids: Sequence[int], *, rounds: int) -> float:
    """How many times faster ours writes vectors for the chunks, which have none yet; the median of rounds in turn."""
    dice = np.random.default_rng(3)
    vectors = dice.standard_normal((len(chunk_ids), generation.dimensions)).astype(np.float32)
    ratios = [
        _seconds(_bulk_create, generation, chunk_ids, vectors)
        / _seconds(embeddings_write, generation, chunk_ids, vectors)
        for _ in range(rounds)
    ]
    return float(np.median(ratios))


def _seconds(
    write: Write, generation: IndexGeneration, chunk_ids: Sequence[int], vectors: NDArray[np.float32]
) -> float:
    """Batches as the pipeline writes them, in one transaction that is rolled back."""
    with transaction.atomic():
        started = time.perf_counter()
        for start in range(0, len(chunk_ids), BATCH):
            write(generation, chunk_ids[start : start + BATCH], vectors[start : start + BATCH])
        seconds = time.perf_counter() - started
        transaction.set_rollback(True)
    return seconds


def _bulk_create(generation: IndexGeneration, chunk_ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
    Embedding.objects.bulk_create(
        [
            Embedding(part_id=generation.pk, chunk_id=chunk_id, embedding=HalfVector(vector))
            for chunk_id, vector in zip(chunk_ids, vectors, strict=True)
        ]
    )
