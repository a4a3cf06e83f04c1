"""What a store has is held against what PostgreSQL has, a page of chunks after the other, and what differs is due again.

Following the ledger keeps the two alike. This finds what it cannot know of: a store that lost something, and what a worker wrote
that had been presumed dead.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import connection

from apps.retrieval.index.stores.choosing import collection_of, store_of
from apps.retrieval.index.stores.following import generations_beside, walk_named
from apps.retrieval.index.stores.ledger import stored_again, stored_all_again
from apps.retrieval.models import IndexGeneration
from ragsite.core.bites import walk_note, walk_position
from ragsite.core.database import connection_release
from ragsite.core.work import Turn

PAGE = 5_000
"""Chunks that are compared at once."""

MOST_FOUND = 16_384
"""Rows that Milvus gives at once, at most."""


def stores_repair(turn: Turn) -> bool:
    """Compare one generation after the other with its store, each from where the last turn stopped; whether a page is left.

    Raises:
        StoreAwayError: a store does not answer.
    """
    for generation in generations_beside():
        while _page(generation):
            if turn.is_over():
                return True
    return False


def _page(generation: IndexGeneration) -> bool:
    """Compare the next page of a generation; whether there is another one."""
    name = walk_named(generation.pk)
    first = int(walk_position(name) or 0)
    expected = _expected(generation, first)
    before = max(expected) + 1 if len(expected) == PAGE else None
    store = store_of(generation)
    connection_release()
    if store.ensure(collection_of(generation)):
        stored_all_again(generation)
        return False
    found = store.held(collection_of(generation), first=first, before=before, limit=MOST_FOUND)
    stored_again(generation.pk, differing(expected, found) - _unsettled(generation, found, expected))
    walk_note(name, str(before) if before is not None else "")
    return before is not None


def differing(expected: Mapping[int, UUID], found: Mapping[int, UUID]) -> set[UUID]:
    """The versions of chunks, with their ids, that only one of the two has. Pure."""
    return {version_id for _, version_id in expected.items() ^ found.items()}


def _expected(generation: IndexGeneration, first: int) -> dict[int, UUID]:
    """The chunks that the store has, as the ledger says, from that id on: PAGE of them."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPECTED, {"generation": generation.pk, "first": first, "limit": PAGE})
        return dict(cursor.fetchall())


def _unsettled(generation: IndexGeneration, *of: Mapping[int, UUID]) -> set[UUID]:
    """Those of the versions that are due or were told of a moment ago: what is found of them says nothing."""
    versions = list({version_id for chunks in of for version_id in chunks.values()})
    with connection.cursor() as cursor:
        cursor.execute(_UNSETTLED, {"generation": generation.pk, "versions": versions})
        return {version_id for (version_id,) in cursor.fetchall()}


_EXPECTED = """
    SELECT e.chunk_id, e.version_id
    FROM retrieval_embedding e
    JOIN retrieval_storedversion s ON s.generation_id = e.generation_id AND s.version_id = e.version_id
    WHERE e.generation_id = %(generation)s AND e.chunk_id >= %(first)s AND s.is_held AND s.settles_at <= now()
    ORDER BY e.chunk_id
    LIMIT %(limit)s
"""

_UNSETTLED = """
    SELECT version_id FROM retrieval_storedversion
    WHERE generation_id = %(generation)s AND version_id = ANY(%(versions)s::uuid[])
      AND (settles_at IS NULL OR settles_at > now())
"""
