"""A store beside PostgreSQL follows what PostgreSQL has: what is due in the ledger is told to it, some versions at a time.

    intend ──> remove what it may have of them ──> write what is current ──> settle

Each step may be done twice, and whoever dies between two leaves rows that are due. Collections whose generation is gone are
dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

import numpy as np
from pgvector import HalfVector

from apps.retrieval.index.stores.choosing import STORES, collection_of, store_of
from apps.retrieval.index.stores.ledger import (
    DueVersion,
    ledger_drop,
    stored_all_again,
    stored_due,
    stored_intend,
    stored_settle,
)
from apps.retrieval.index.stores.types import StoredVectors
from apps.retrieval.index.stores.types import VectorStore as Store
from apps.retrieval.models import DroppedCollection, GenerationState, IndexGeneration, VectorStore
from ragsite.core.bites import AT_ONCE, bites
from ragsite.core.database import connection_release, rows_in_binary
from ragsite.core.models import Walk
from ragsite.core.work import Turn

WRITTEN = 1_000
"""Vectors that are written to a store at once: 1.5 MB where they are 384 numbers wide."""


def stores_follow(turn: Turn) -> bool:
    """Tell stores what they are to have, and drop collections of generations that are gone; whether something is left.

    Raises:
        StoreAwayError: a store does not answer, or is not configured any more.
    """
    if bites(turn, _drop_first):
        return True
    left = False
    for generation in generations_beside():
        left = bites(turn, partial(generation_follow, generation)) or left
    return left


def generations_beside() -> list[IndexGeneration]:
    """The generations whose vectors are searched in a store beside PostgreSQL."""
    beside = IndexGeneration.objects.exclude(store=VectorStore.POSTGRESQL).exclude(state=GenerationState.DROPPED)
    return list(beside.order_by("pk"))


def generation_follow(generation: IndexGeneration) -> bool:
    """Tell the generation's store of some versions that are due; whether there were any."""
    due = stored_due(generation)
    if due:
        _tell(store_of(generation), generation, due)
    return bool(due)


def _tell(store: Store, generation: IndexGeneration, due: Sequence[DueVersion]) -> None:
    collection = collection_of(generation)
    connection_release()
    if store.ensure(collection):
        stored_all_again(generation)
    wanted = [one.version_id for one in due if one.is_wanted]
    stored_intend(generation, wanted)
    connection_release()
    store.remove(collection, [one.version_id for one in due if one.is_held])
    for rows in _vectors(generation, wanted):
        connection_release()
        store.write(collection, rows)
    stored_settle(generation, due)


def _vectors(generation: IndexGeneration, version_ids: Sequence[UUID]) -> Iterator[StoredVectors]:
    """The vectors of the versions, WRITTEN at a time; no connection is held between two."""
    after = 0
    parameters = {"generation": generation.pk, "versions": list(version_ids), "limit": WRITTEN}
    while rows := rows_in_binary(_VECTORS, parameters | {"after": after}):
        numbers = np.stack([HalfVector.from_binary(vector).to_numpy() for _, _, vector in rows])
        yield StoredVectors([row[0] for row in rows], [row[1] for row in rows], numbers.astype(np.float32))
        after = rows[-1][0]


def walk_named(generation_id: int) -> str:
    """The name of the walk that compares a generation with its store."""
    return f"vectors of generation {generation_id}"


def _drop_first() -> bool:
    """Of the collections to be dropped the first: the rows of its ledger, then itself, then the note of it."""
    doomed = DroppedCollection.objects.order_by("pk").first()
    if doomed is None:
        return False
    if ledger_drop(doomed.generation_id, limit=AT_ONCE):
        return True
    connection_release()
    STORES[doomed.store]().drop(doomed.name)
    Walk.objects.filter(name=walk_named(doomed.generation_id)).delete()
    DroppedCollection.objects.filter(pk=doomed.pk).delete()
    return True


def collection_forsake(generation: IndexGeneration) -> None:
    """Have the generation's collection dropped, in the caller's transaction, in which the generation goes."""
    if generation.collection:
        doomed = DroppedCollection(name=generation.collection, store=generation.store, generation_id=generation.pk)
        DroppedCollection.objects.bulk_create([doomed], ignore_conflicts=True)


_VECTORS = """
    SELECT c.id, c.version_id, halfvec_send(e.embedding)
    FROM documents_chunk c JOIN retrieval_embedding e ON e.chunk_id = c.id AND e.generation_id = %(generation)s::bigint
    WHERE c.version_id = ANY(%(versions)s::uuid[]) AND c.id > %(after)s::bigint
    ORDER BY c.id
    LIMIT %(limit)s::integer
"""
