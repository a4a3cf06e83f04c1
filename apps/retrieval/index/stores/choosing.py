"""Which store the vectors of a generation are searched in, and what reaches it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from uuid import uuid4

from apps.retrieval.index.stores.milvus import MilvusStore
from apps.retrieval.index.stores.types import Collection, StoreAwayError
from apps.retrieval.index.stores.types import VectorStore as Store
from apps.retrieval.models import IndexGeneration, VectorStore
from ragsite.core.configuration import VectorSettings
from ragsite.core.dynamic.places import OfTenant, Place


@lru_cache(maxsize=4)
def _milvus(url: str, token: str, ca_file: str) -> Store:
    return MilvusStore(url, token=token, ca_file=ca_file)


def milvus_store() -> Store:
    """The Milvus of this installation; one line to it a process.

    Raises:
        StoreAwayError: none is named.
    """
    at = VectorSettings.current()
    if not at.milvus_url:
        raise StoreAwayError(
            "Vectors of this knowledge base are searched in Milvus, and RAGSITE_MILVUS_URL names none.",
            action="Name it, or re-index into PostgreSQL.",
        )
    return _milvus(at.milvus_url, at.milvus_token, at.ca_file)


STORES: dict[str, Callable[[], Store]] = {VectorStore.MILVUS: milvus_store}
"""Beside PostgreSQL; a further engine is a row here, and a class that tests/contracts/test_dense_stores.py runs on."""


def store_of(generation: IndexGeneration) -> Store:
    """The store that has the generation's collection; PostgreSQL's own have none.

    Raises:
        StoreAwayError: it is not configured any more.
    """
    return STORES[generation.store]()


def collection_of(generation: IndexGeneration) -> Collection:
    """What the store has of the generation."""
    return Collection(generation.collection, generation.dimensions)


def store_chosen(base: OfTenant) -> VectorStore:
    """In which store a new generation of the knowledge base is searched, as its settings say."""
    return VectorStore(VectorSettings.current(Place.of_base(base)).store)


def collection_named(store: VectorStore) -> str:
    """A name for a new collection; empty for PostgreSQL, where vectors lie in a partition of the generation's own number.

    It is never given again, also not by a database that was restored: what an earlier life of it wrote is under other names.
    """
    return "" if store is VectorStore.POSTGRESQL else f"ragsite_{uuid4().hex}"
