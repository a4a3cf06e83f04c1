"""Stores beside PostgreSQL are filled anew, under new names."""

from __future__ import annotations

from apps.retrieval.index.stores.choosing import collection_named
from apps.retrieval.index.stores.following import generations_beside
from apps.retrieval.index.stores.ledger import stored_all_again
from apps.retrieval.models import IndexGeneration, VectorStore


def stores_rebuild() -> int:
    """Give each generation beside PostgreSQL another collection, which is filled from PostgreSQL; the number of generations.

    For a database that was restored: what the earlier collections have is of another time. They are left as they are, since the
    installation that the backup is of may still be using them.
    """
    generations = generations_beside()
    for generation in generations:
        generation.collection = collection_named(VectorStore(generation.store))
        IndexGeneration.objects.filter(pk=generation.pk).update(collection=generation.collection)
        stored_all_again(generation)
    return len(generations)
