"""Milvus as a store of vectors, by its own client. The same client reaches a cluster, one server, and the one that tests start.

A collection has three fields: the chunk, which is the key, its version, by which is filtered and removed, and the vector. It is
sharded and replicated as the cluster is set up.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Collection as Several
from importlib import import_module
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from circuitbreaker import CircuitBreakerError
from numpy.typing import NDArray

from apps.retrieval.index.stores.types import (
    Among,
    Collection,
    CollectionGoneError,
    Near,
    StoreAwayError,
    StoredVectors,
)
from ragsite.core.breaker import OneProbeBreaker
from ragsite.core.metrics.instruments import counter
from ragsite.core.transport import advice

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

CHUNK, VERSION, VECTOR = "chunk_id", "version_id", "vector"
CONNECT_SECONDS = 2.0
WORK_SECONDS = 60.0
"""For what no request waits for."""

NEIGHBOURS, THOROUGHNESS, CANDIDATES = 32, 200, 400
"""Of the HNSW index, by the names of its paper: M, efConstruction, and ef at least."""

FAILURES, OPEN_SECONDS = 3, 10.0
"""After so many failures one after the other nothing is asked for so long: a search does not wait for what is away."""

GONE = 100
"""Milvus' code for a collection that is not there."""

CALLS = counter("ragsite_vector_store_calls_total")


class MilvusStore:
    """See VectorStore. The line is laid when it is first needed, in the process that needs it."""

    def __init__(self, url: str, *, token: str = "", ca_file: str = "") -> None:
        self._url, self._token, self._ca_file = url, token, ca_file
        self._line: Any = None
        self._breaker = OneProbeBreaker(
            name=f"milvus {url}",
            failure_threshold=FAILURES,
            recovery_timeout=OPEN_SECONDS,
            expected_exception=lambda kind, _error: kind is StoreAwayError,
        )

    def ensure(self, collection: Collection) -> bool:
        return self._asked("ensure", lambda client: self._ensure(client, collection))

    def _ensure(self, client: Any, collection: Collection) -> bool:
        if client.has_collection(collection.name, timeout=WORK_SECONDS):
            return False
        kinds = import_module("pymilvus").DataType
        schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field(CHUNK, kinds.INT64, is_primary=True)
        schema.add_field(VERSION, kinds.VARCHAR, max_length=36)
        schema.add_field(VECTOR, kinds.FLOAT_VECTOR, dim=collection.dimensions)
        indexes = client.prepare_index_params()
        graph = {"M": NEIGHBOURS, "efConstruction": THOROUGHNESS}
        indexes.add_index(VECTOR, index_type="HNSW", metric_type="COSINE", params=graph)
        indexes.add_index(VERSION, index_type="INVERTED")
        client.create_collection(
            collection.name, schema=schema, index_params=indexes, consistency_level="Strong", timeout=WORK_SECONDS
        )
        return True

    def write(self, collection: Collection, rows: StoredVectors) -> None:
        vectors = np.asarray(rows.vectors, dtype=np.float32)
        told = [
            {CHUNK: chunk_id, VERSION: str(version_id), VECTOR: vector}
            for chunk_id, version_id, vector in zip(rows.chunk_ids, rows.version_ids, vectors, strict=True)
        ]
        if told:
            self._asked("write", lambda client: client.upsert(collection.name, told, timeout=WORK_SECONDS))

    def remove(self, collection: Collection, version_ids: Several[UUID]) -> None:
        if version_ids:
            gone = f"{VERSION} in {_listed(version_ids)}"
            self._asked("remove", lambda client: client.delete(collection.name, filter=gone, timeout=WORK_SECONDS))

    def nearest(
        self, collection: Collection, vector: NDArray[np.float32], *, limit: int, among: Among, seconds: float
    ) -> list[Near]:
        asked = {
            "data": [np.asarray(vector, dtype=np.float32).tolist()], "anns_field": VECTOR, "limit": limit,
            "filter": _filter(among), "output_fields": [VERSION],
            "search_params": {"metric_type": "COSINE", "params": {"ef": max(CANDIDATES, limit)}}, "timeout": seconds,
            "consistency_level": "Bounded",
        }  # fmt: skip
        (found,) = self._asked("search", lambda client: client.search(collection.name, **asked))
        return [Near(int(hit[CHUNK]), UUID(hit["entity"][VERSION]), float(hit["distance"])) for hit in found]

    def held(self, collection: Collection, *, first: int, before: int | None, limit: int) -> dict[int, UUID]:
        wanted = f"{CHUNK} >= {first}" + (f" and {CHUNK} < {before}" if before is not None else "")
        asked = {"filter": wanted, "output_fields": [CHUNK, VERSION], "limit": limit, "timeout": WORK_SECONDS}
        rows = self._asked("look", lambda client: client.query(collection.name, **asked))
        return {int(row[CHUNK]): UUID(row[VERSION]) for row in rows}

    def drop(self, name: str) -> None:
        self._asked("drop", lambda client: client.drop_collection(name, timeout=WORK_SECONDS))

    def check(self) -> None:
        self._asked("check", lambda client: client.list_collections(timeout=CONNECT_SECONDS))

    def _asked(self, call: str, ask: Callable[[Any], Result]) -> Result:
        """What the client answers, unless it failed a few times just now.

        Raises:
            StoreAwayError: it doesn't, whatever its own error is: that goes to the log, as it names hosts.
        """
        try:
            answer: Result = self._breaker.call(self._told, ask)
        except CircuitBreakerError as error:
            CALLS.labels(call, "left").inc()
            raise StoreAwayError("Milvus did not answer a moment ago.") from error
        except StoreAwayError:
            CALLS.labels(call, "failed").inc()
            raise
        CALLS.labels(call, "done").inc()
        return answer

    def _told(self, ask: Callable[[Any], Result]) -> Result:
        try:
            failures = import_module("pymilvus.exceptions").MilvusException, import_module("grpc").RpcError
        except ImportError as error:
            raise StoreAwayError(
                "The client of Milvus is not installed.", action="Install requirements/milvus.in there."
            ) from error
        try:
            return ask(self._client())
        except (*failures, OSError, ValueError) as error:
            logger.warning("Milvus did not answer: %s: %s", type(error).__name__, error)
            if getattr(error, "code", None) == GONE:
                raise CollectionGoneError("Milvus has lost these vectors.") from error
            mends = advice(str(error))
            raise StoreAwayError("Milvus does not answer.", action=mends or None) from error

    def _client(self) -> Any:
        if self._line is None:
            checked = {"server_pem_path": self._ca_file} if self._ca_file and self._url.startswith("https:") else {}
            self._line = import_module("pymilvus").MilvusClient(
                self._url, token=self._token, timeout=CONNECT_SECONDS, **checked
            )
        return self._line


def _filter(among: Among) -> str:
    if among.only is not None:
        return f"{VERSION} in {_listed(among.only - among.without)}"
    return f"{VERSION} not in {_listed(among.without)}" if among.without else ""


def _listed(version_ids: Several[UUID]) -> str:
    """Of UUIDs alone: nothing that somebody wrote becomes a part of an expression."""
    return "[" + ", ".join(f'"{version_id}"' for version_id in sorted(version_ids)) + "]"
