"""The measuring half of benchmarks.stores: imported once Django is set up."""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from django.test import override_settings

from apps.documents.rights.access import AccessScope, reading_as
from apps.models.gateway import Deadline
from apps.models.selectors import embedding_model_default
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.index.stores.choosing import milvus_store
from apps.retrieval.index.stores.following import stores_follow
from apps.retrieval.index.stores.types import StoreAwayError
from apps.retrieval.models import IndexGeneration, StoredVersion
from apps.retrieval.search import dense
from apps.retrieval.search.beside import stores_asked
from apps.retrieval.search.filters import scope_condition
from apps.retrieval.search.legs import SearchSpace, dense_leg
from apps.retrieval.search.questions import Question
from benchmarks.acting import ACTOR
from benchmarks.place import say
from benchmarks.search.filling import Filled, Material, fill, material
from ragsite.core.work import Turn

TOP = 10
START_SECONDS = 300.0


def measure(options: argparse.Namespace) -> None:
    """Fill both, then time the same questions in each."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    given = material(options.questions)
    _tell("PostgreSQL", fill("Own", options.chunks, given), given, stored=None)
    with _milvus() as (url, folder), override_settings(RAGSITE_VECTOR_STORE="milvus", RAGSITE_MILVUS_URL=url):
        filled = fill("Beside", options.chunks, given)
        began = time.perf_counter()
        while stores_follow(Turn.of(60)):
            pass
        say(f"Milvus Lite was told of all vectors in {time.perf_counter() - began:.0f} s")
        StoredVersion.objects.update(settles_at="2026-01-01T00:00:00Z")
        _tell("Milvus Lite", filled, given, stored=folder)


@contextmanager
def _milvus() -> Iterator[tuple[str, Path]]:
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        program = "from milvus_lite.adapter.grpc.server import run_server; import sys; "
        program += "run_server(data_dir=sys.argv[1], host='127.0.0.1', port=int(sys.argv[2]))"
        server = subprocess.Popen([sys.executable, "-c", program, folder, str(port)], stderr=subprocess.DEVNULL)
        try:
            with override_settings(RAGSITE_MILVUS_URL=f"http://127.0.0.1:{port}"):
                _await()
            yield f"http://127.0.0.1:{port}", Path(folder)
        finally:
            server.terminate()
            server.wait()


def _await() -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            milvus_store().check()
        except StoreAwayError:
            if time.monotonic() > until:
                raise
            time.sleep(1.0)
        else:
            return


def _tell(name: str, filled: Filled, given: Material, *, stored: Path | None) -> None:
    generation = filled.generation
    for vector in given.question_vectors[:20]:
        _found(generation, vector)
    recalls, times = [], []
    for vector in given.question_vectors:
        exact = set(_exact(generation, vector))
        began = time.perf_counter()
        found = _found(generation, vector)
        times.append(1000 * (time.perf_counter() - began))
        recalls.append(len(exact & set(found)) / TOP)
    beside = sum(file.stat().st_size for file in stored.rglob("*") if file.is_file()) if stored else 0
    middle, late = np.percentile(times, [50, 95])
    say(
        f"{name}: recall@{TOP} {np.mean(recalls):.3f}, p50 {middle:.1f} ms, p95 {late:.1f} ms, "
        f"index built in {filled.index_seconds:.0f} s, {filled.vector_bytes / filled.chunks:.0f} bytes a chunk in PostgreSQL, "
        f"{beside / filled.chunks:.0f} beside it"
    )


def _scope(generation: IndexGeneration) -> AccessScope:
    base = generation.knowledge_base
    return AccessScope(base.tenant_id, frozenset({base.pk}), for_all_readers=True)


def _found(generation: IndexGeneration, vector: np.ndarray) -> list[int]:
    """As a search does it, without the question's embedding."""
    scope, version_id = _scope(generation), generation.model_version_id
    condition = scope_condition(scope)
    answers = stores_asked(
        condition, scope=scope, generations=[generation], vectors={version_id: vector}, limit=TOP,
        deadline=Deadline.after(10),
    )  # fmt: skip
    question = Question("?", vector, embedding_model_default())
    (hits,) = dense_leg(SearchSpace(scope, condition, [generation], TOP, answers), {version_id: question})
    return [hit.chunk_id for hit in hits.result.hits]


def _exact(generation: IndexGeneration, vector: np.ndarray) -> list[int]:
    scope = _scope(generation)
    search = dense.VectorSearch(scope_condition(scope), scope, vector, TOP)
    with reading_as(scope):
        return [hit.chunk_id for hit in dense.nearest_of_all([generation], search)][:TOP]
