"""The measuring half of benchmarks.large: imported once Django is set up."""

from __future__ import annotations

import argparse
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.index.partitions import partition_index
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.candidates import candidates_for
from apps.retrieval.search.dense import dense_search
from apps.retrieval.search.filters import scope_condition
from benchmarks.acting import ACTOR
from benchmarks.place import say
from benchmarks.search.filling import (
    AT_A_TIME,
    CHUNKS_A_DOCUMENT,
    SHARES,
    Material,
    keeping,
    material,
    vacuum,
    vectors_mixed,
)
from ragsite.gateway.tenants import tenant_get_or_create

TOP = 10
NEARLY = 1e-5
"""As near as the tenth nearest, but for what half precision makes of it."""
EXACT_QUESTIONS = 10
"""Every vector is read for each."""
BITS = "bits"

Figures = dict[str, Any]

CANDIDATES = "RAGSITE_SEARCH_CANDIDATES"


@dataclass(frozen=True, slots=True)
class Base:
    """A filled knowledge base, its questions' vectors (q, d), and for each the chunks that are its nearest.

    That is of all, and of what a filter keeps, by how many of 1,000 documents those are.
    """

    generation: IndexGeneration
    questions: NDArray[np.float32]
    nearest: dict[int, list[set[int]]]

    @property
    def scope(self) -> AccessScope:
        base = self.generation.knowledge_base
        return AccessScope(base.tenant_id, frozenset({base.pk}))


def measure(options: argparse.Namespace) -> None:
    """Print the figures of each size."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    given = material(options.questions)
    for size in options.sizes:
        print(json.dumps({"chunks": size} | _measured(size, given, options)), flush=True)


def _measured(size: int, given: Material, options: argparse.Namespace) -> Figures:
    base = _filled(size, given, options.kept)
    found: Figures = {"table_bytes": bytes_of("pg_table_size", base.generation.partition)}
    for kind in options.kinds:
        found[kind] = _built(base.generation, kind, options.workers)
        say(f"{size}, {kind}: {found[kind]}")
    vacuum()
    base.generation.vector_estimate = size
    found["exact"] = figures_of(_searched(base, "exact", 0, EXACT_QUESTIONS))
    for kept in base.nearest:
        for candidates, kind, figures in _compared(base, options, kept):
            name = f"{candidates}" if kept == SHARES else f"{candidates} of {kept}"
            found[kind][name] = figures
            say(f"{size}, {kind}, {name}: {figures}")
    return found


def _filled(size: int, given: Material, kept: Sequence[int] = ()) -> Base:
    """Documents, versions and chunks as far as the leg by meaning reads them, and a vector for each chunk."""
    tenant = tenant_get_or_create(name="Benchmark", actor=ACTOR)
    base = KnowledgeBase.objects.create(tenant=tenant, name=f"Of {size}")
    generation = generation_ensure(base)
    chunk_ids = chunks_made(generation, size)
    say(f"{size}: chunks are made")
    questions, dice = halves(given.question_vectors), np.random.default_rng(size)
    shares = shares_of(generation)
    best = {most: Nearest(questions) for most in (SHARES, *kept)}
    for start in range(0, size, AT_A_TIME):
        ids, within = chunk_ids[start : start + AT_A_TIME], shares[start : start + AT_A_TIME]
        vectors = vectors_mixed(given, len(ids), dice).vectors
        with transaction.atomic():
            embeddings_write(generation, ids.tolist(), vectors)
        for most, nearest in best.items():
            nearest.take(ids[within < most], halves(vectors)[within < most])
    say(f"{size}: vectors are written")
    return Base(generation, given.question_vectors, {most: nearest.ids() for most, nearest in best.items()})


def chunks_made(generation: IndexGeneration, size: int) -> NDArray[np.int64]:
    """Documents with their chunks, as far as the leg by meaning reads them; the chunks' ids, document by document."""
    base = generation.knowledge_base
    given = {
        "base": base.pk, "tenant": base.tenant_id, "key": generation.chunking_key,
        "documents": size // CHUNKS_A_DOCUMENT, "chunks": CHUNKS_A_DOCUMENT,
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_DOCUMENTS, _VERSIONS, _CURRENT, _CHUNKS):
            cursor.execute(statement, given)
        cursor.execute(_CHUNK_IDS, given)
        return np.array([pk for (pk,) in cursor.fetchall()], dtype=np.int64)


def shares_of(generation: IndexGeneration) -> NDArray[np.int64]:
    """The `share` of each chunk's document, as its chunks are made."""
    with connection.cursor() as cursor:
        cursor.execute(_SHARES, {"base": generation.knowledge_base_id})
        return np.array([share for (share,) in cursor.fetchall()], dtype=np.int64)


def halves(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """As they are stored, at length 1."""
    stored = vectors.astype(np.float16).astype(np.float32)
    return stored / np.linalg.norm(stored, axis=1, keepdims=True)


class Nearest:
    """The chunks that are nearest to each question, of all that were taken."""

    def __init__(self, questions: NDArray[np.float32]) -> None:
        self._questions = questions
        self._scores = np.full((len(questions), 0), -1.0, dtype=np.float32)
        self._ids = np.zeros((len(questions), 0), dtype=np.int64)

    def take(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        scores = np.hstack([self._scores, self._questions @ vectors.T])
        known = np.hstack([self._ids, np.broadcast_to(ids, (len(scores), len(ids)))])
        # Twice as many as are wanted, for those that are as near as the last of them.
        kept = np.argsort(-scores, axis=1)[:, : 2 * TOP]
        self._scores, self._ids = (np.take_along_axis(one, kept, axis=1) for one in (scores, known))

    def ids(self) -> list[set[int]]:
        near = self._scores >= self._scores[:, TOP - 1 : TOP] - NEARLY
        return [set(ids[kept].tolist()) for ids, kept in zip(self._ids, near, strict=True)]


def _built(generation: IndexGeneration, kind: str, workers: int) -> Figures:
    with connection.cursor() as cursor:
        cursor.execute(f"SET max_parallel_maintenance_workers = {int(workers)}")
    spent, began = Processors(), time.perf_counter()
    with spent, transaction.atomic():
        partition_index(generation, quantised=kind == BITS)
    name = f"{generation.partition}_{BITS if kind == BITS else 'hnsw'}"
    return {
        "build_seconds": round(time.perf_counter() - began, 1),
        "build_processor_seconds": round(spent.seconds, 1),
        "index_bytes": bytes_of("pg_relation_size", name),
    }


class Processors:
    """What the server's process of this connection, and those that help it, spend on processors within the block."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._pid, self._ended, self._helpers = server(), threading.Event(), dict[int, float]()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._began = spent_by(self._pid)
        self._watching.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watching.join()
        self.seconds = (spent_by(self._pid) - self._began) / 1e9 + sum(self._helpers.values())

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            for one in psutil.process_iter(["cmdline"]):
                if f"parallel worker for PID {self._pid}" in " ".join(one.info["cmdline"] or ()):
                    times = one.cpu_times()
                    self._helpers[one.pid] = times.user + times.system


def _compared(base: Base, options: argparse.Namespace, kept: int) -> Iterator[tuple[int, str, Figures]]:
    """Each kind of index with each number of candidates, and with as many as the rule has. Kinds take turns at questions."""
    size = base.generation.vector_estimate
    rules = {candidates_for(size, quantised=kind == BITS) for kind in options.kinds}
    for candidates in sorted({*options.candidates, *rules}):
        by_kind = _in_turns(base, options.kinds, candidates, kept)
        for kind, rows in by_kind.items():
            yield candidates, kind, figures_of(rows)


Row = tuple[float, float, float]
"""Recall, milliseconds, and milliseconds of the server's process on a processor."""


def _in_turns(base: Base, kinds: tuple[str, ...], candidates: int, kept: int) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {kind: [] for kind in kinds}
    for number in (0, *range(len(base.questions))):
        for kind, found in rows.items():
            found.append(_search(base, kind, candidates, number, kept))
    return {kind: found[1:] for kind, found in rows.items()}


def _searched(base: Base, kind: str, candidates: int, questions: int) -> list[Row]:
    return [_search(base, kind, candidates, number) for number in (0, *range(questions))][1:]


def _search(base: Base, kind: str, candidates: int, number: int, kept: int = SHARES) -> Row:
    setattr(settings, CANDIDATES, candidates)
    base.generation.has_hnsw, base.generation.quantised = kind != "exact", kind == BITS
    asked: dict[str, Any] = {"scope": base.scope, "generations": [base.generation], "vector": base.questions[number]}
    condition = scope_condition(base.scope)
    if kept < SHARES:
        condition &= keeping(kept)
    spent, began = spent_by(server()), time.perf_counter()
    hits = dense_search(condition, **asked, limit=TOP).hits
    took = (time.perf_counter() - began) * 1000
    return _recall(base.nearest[kept][number], {hit.chunk_id for hit in hits}), took, (spent_by(server()) - spent) / 1e6


def _recall(nearest: set[int], found: set[int]) -> float:
    return min(TOP, len(found & nearest)) / TOP


def figures_of(rows: list[Row]) -> Figures:
    """Means and percentiles."""
    recalls, took, spent = np.array(rows).T
    return {
        "recall_at_10": round(float(recalls.mean()), 4),
        "p50_ms": round(float(np.percentile(took, 50)), 1),
        "p95_ms": round(float(np.percentile(took, 95)), 1),
        "processor_p50_ms": round(float(np.percentile(spent, 50)), 2),
        "processor_p95_ms": round(float(np.percentile(spent, 95)), 2),
    }


def server() -> int:
    """The process that serves this connection; helpers are not counted, so it has none for searches."""
    known: int | None = getattr(connection, "benchmark_pid", None)
    if known is None:
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute("SELECT pg_backend_pid()")
            known = connection.benchmark_pid = int(cursor.fetchone()[0])
    return known


def spent_by(pid: int) -> int:
    """Nanoseconds on a processor."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def bytes_of(function: str, relation: str) -> int:
    """What a function of the server says of a relation's size."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s::regclass)", [relation])
        return int(cursor.fetchone()[0])


_DOCUMENTS = """
    INSERT INTO documents_document (
        id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking)
    SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Document ' || n, '', gen_random_uuid()::text,
        jsonb_build_object('share', n %% 1000), '{}'
    FROM generate_series(1, %(documents)s) n
"""
_VERSIONS = """
    INSERT INTO documents_documentversion (
        id, document_id, number, filename, document_type, content_hash, blob, size, status, retry_status, error_code,
        error, chunk_count, attempts, lease_owner)
    SELECT gen_random_uuid(), id, 1, 'a.txt', 'txt', '', '', 1, 'ready', '', '', '', %(chunks)s, 0, ''
    FROM documents_document WHERE knowledge_base_id = %(base)s
"""
_CURRENT = """
    UPDATE documents_document d SET current_version_id = v.id
    FROM documents_documentversion v WHERE v.document_id = d.id AND d.knowledge_base_id = %(base)s
"""
_CHUNKS = """
    INSERT INTO documents_chunk (
        version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash, token_count, heading_path)
    SELECT d.current_version_id, %(key)s, n, 0, 9, 'A passage', '', decode(md5(random()::text), 'hex'), 2, '{}'
    FROM documents_document d CROSS JOIN generate_series(0, %(chunks)s - 1) n
    WHERE d.knowledge_base_id = %(base)s
"""
_CHUNK_IDS = """
    SELECT c.id FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE d.knowledge_base_id = %(base)s ORDER BY c.id
"""
_SHARES = """
    SELECT (d.metadata ->> 'share')::int
    FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE d.knowledge_base_id = %(base)s ORDER BY c.id
"""
