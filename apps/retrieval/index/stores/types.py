"""What a store of vectors beside PostgreSQL is."""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ragsite.core.errors import TransientError


class StoreAwayError(TransientError):
    """The store of vectors does not answer. A search goes on without it and says so; the work of following it is tried again."""

    code = "vector_store_unavailable"
    action = "Check that it is running and reached at RAGSITE_MILVUS_URL; it is tried again automatically."


class CollectionGoneError(StoreAwayError):
    """The store answers, and has lost this collection, or was emptied. It is filled again from PostgreSQL."""

    action = "It is filled again automatically; this takes a while where it is large."


@dataclass(frozen=True, slots=True)
class Collection:
    """What a store has of one index generation, under a name that no other one ever had."""

    name: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Chunks, of which version each is, and their vectors (n, d)."""

    chunk_ids: Sequence[int]
    version_ids: Sequence[UUID]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Near:
    """A chunk that a store found, and the cosine similarity by its own reckoning."""

    chunk_id: int
    version_id: UUID
    score: float


@dataclass(frozen=True, slots=True)
class Among:
    """Which versions are searched: `only` these, if it says any, and none `without`."""

    only: frozenset[UUID] | None = None
    without: frozenset[UUID] = frozenset()


ALL = Among()


class VectorStore(Protocol):
    """A copy of vectors that finds the nearest ones. PostgreSQL is the record: a store can be emptied at any moment.

    Whatever is called may raise StoreAwayError. What was written or removed may show only LAG_SECONDS later.
    """

    def ensure(self, collection: Collection) -> bool:
        """Make the collection where there is none; whether it was made now."""
        ...

    def write(self, collection: Collection, rows: StoredVectors) -> None:
        """Write vectors. A chunk that is there already gets the new one."""
        ...

    def remove(self, collection: Collection, version_ids: Several[UUID]) -> None:
        """Remove all vectors of these versions; of one that has none nothing happens."""
        ...

    def nearest(
        self, collection: Collection, vector: NDArray[np.float32], *, limit: int, among: Among, seconds: float
    ) -> list[Near]:
        """The `limit` vectors nearest to `vector` (d,), the nearest first, within so many seconds."""
        ...

    def held(self, collection: Collection, *, first: int, before: int | None, limit: int) -> dict[int, UUID]:
        """Up to `limit` of the chunks that it has with ids from `first` on and below `before`, with their versions."""
        ...

    def drop(self, name: str) -> None:
        """Remove the collection of that name with all that it has; nothing happens where there is none."""
        ...

    def check(self) -> None:
        """Ask whether it is there."""
        ...


LAG_SECONDS = 10.0
"""So long PostgreSQL still answers for a version that was written to a store, or removed from it: twice what a Milvus cluster
lags behind with the consistency `Bounded`."""
