"""Stores of vectors for tests: one in memory, Milvus in this process, and one that dies at a chosen call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import numpy as np
import pytest

from apps.retrieval.index.stores import choosing
from apps.retrieval.index.stores.following import stores_follow
from apps.retrieval.index.stores.milvus import MilvusStore
from apps.retrieval.index.stores.repairing import stores_repair
from apps.retrieval.index.stores.types import (
    Among,
    Collection,
    CollectionGoneError,
    Near,
    StoreAwayError,
    StoredVectors,
)
from apps.retrieval.index.stores.types import VectorStore as Store
from apps.retrieval.models import StoredVersion, VectorStore
from ragsite.core.work import Turn

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryStore:
    """Compares all vectors; see `VectorStore`."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[int, tuple[UUID, np.ndarray]]] = {}

    def _of(self, collection: Collection) -> dict[int, tuple[UUID, np.ndarray]]:
        if collection.name not in self.kept:
            raise CollectionGoneError(f"There is no collection {collection.name}.")
        return self.kept[collection.name]

    def ensure(self, collection: Collection) -> bool:
        is_new = collection.name not in self.kept
        self.kept.setdefault(collection.name, {})
        return is_new

    def write(self, collection: Collection, rows: StoredVectors) -> None:
        of = self._of(collection)
        of.update(zip(rows.chunk_ids, zip(rows.version_ids, rows.vectors, strict=True), strict=True))

    def remove(self, collection: Collection, version_ids: Any) -> None:
        of = self._of(collection)
        for chunk_id in [chunk_id for chunk_id, (version_id, _) in of.items() if version_id in version_ids]:
            del of[chunk_id]

    def nearest(
        self, collection: Collection, vector: np.ndarray, *, limit: int, among: Among, seconds: float
    ) -> list[Near]:
        found = [
            Near(chunk_id, version_id, float(other @ vector / np.linalg.norm(other) / np.linalg.norm(vector)))
            for chunk_id, (version_id, other) in self._of(collection).items()
            if version_id not in among.without and (among.only is None or version_id in among.only)
        ]
        return sorted(found, key=lambda near: -near.score)[:limit]

    def held(self, collection: Collection, *, first: int, before: int | None, limit: int) -> dict[int, UUID]:
        of = self._of(collection)
        within = [one for one in sorted(of) if one >= first and (before is None or one < before)]
        return {chunk_id: of[chunk_id][0] for chunk_id in within[:limit]}

    def drop(self, name: str) -> None:
        self.kept.pop(name, None)

    def check(self) -> None:
        return None


@dataclass
class Mortal:
    """A store whose caller dies, or that is away, around chosen calls; it notes which there were."""

    store: Store
    dies: Callable[[int, str], str] = lambda number, call: ""
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            self.calls.append(name)
            fate = self.dies(len(self.calls), name)
            if fate == "away":
                raise StoreAwayError("It is away.")
            if fate == "before":
                raise KeyboardInterrupt
            answer = getattr(self.store, name)(*given, **named)
            if fate == "after":
                raise KeyboardInterrupt
            return answer

        return call


@contextmanager
def beside(store: Any, settings: Any) -> Iterator[None]:
    """New index generations have their vectors in that store."""
    settings.RAGSITE_VECTOR_STORE = "milvus"
    settings.RAGSITE_MILVUS_URL = settings.RAGSITE_MILVUS_URL or "http://127.0.0.1:1"
    with patch.dict(choosing.STORES, {VectorStore.MILVUS: lambda: store}):
        yield


@pytest.fixture(scope="session")
def milvus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Milvus Lite behind a port, as a cluster is reached."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    folder: Path = tmp_path_factory.mktemp("milvus")
    server, database, port = start_server_in_thread(data_dir=str(folder), host="127.0.0.1", port=0)
    yield f"http://127.0.0.1:{port}"
    server.stop(0)
    database.close()


@pytest.fixture(params=["memory", pytest.param("milvus", marks=pytest.mark.milvus)])
def engine(request: pytest.FixtureRequest) -> Store:
    """Each store that there is beside PostgreSQL."""
    if request.param == "memory":
        return MemoryStore()
    return MilvusStore(request.getfixturevalue("milvus_url"))


def followed() -> None:
    """Stores were told of all that is due, and have settled."""
    while stores_follow(Turn.of(60)):
        pass
    settled()


def settled() -> None:
    """So long ago that the store answers for it."""
    StoredVersion.objects.exclude(settles_at=None).update(settles_at=LONG_AGO)


def repaired() -> None:
    """What differs was found, and told again."""
    while stores_repair(Turn.of(60)):
        pass
    followed()
