"""What a leg of a search finds: chunks by id. Their texts are read once it is known which of them are shown."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk and its score in one leg: the cosine similarity of the vectors, or BM25."""

    chunk_id: int
    score: float
