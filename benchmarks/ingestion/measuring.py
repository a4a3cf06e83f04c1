"""The comparisons, each with its two sides in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection

from apps.documents.models import Chunk, KnowledgeBase
from apps.documents.services.knowledge_bases import knowledge_base_create
from apps.models.selectors import embedding_model_default
from apps.retrieval.index.generations import generation_ensure
from benchmarks.acting import ACTOR
from benchmarks.engine.model import pieces
from benchmarks.ingestion import engine, growth, llamaindex, storage, updating
from benchmarks.ingestion.corpus import File, corpus
from benchmarks.ingestion.options import Options
from benchmarks.ingestion.running import Bench, chunk_count, chunk_texts, parsed_texts
from benchmarks.place import say
from ragsite.core.configuration import ModelSettings
from ragsite.gateway.tenants import tenant_get_or_create
from ragsite.stack.system import System

EARLY = 0.1
"""Memory is compared between this share of the documents and all of them."""
ENGINE_TEXTS = 256
PEER_DOCUMENTS = 200
GROWN = (1_000, 10_000, 50_000)
GROWTH_DOCUMENTS = 150
COPIED = 20_000

Found = dict[str, Any]


def with_system(running: System, options: Options) -> Found:
    """What is measured on the running system, over HTTP."""
    bench = Bench(running)
    return _run({"pipeline": _pipeline, "growth": _growth, "llamaindex": _llamaindex}, options, bench)


def without_system(options: Options) -> Found:
    """What is measured in this process, on servers that have nothing else to do."""
    base = knowledge_base_create(
        tenant_id=tenant_get_or_create(name="Alone", actor=ACTOR).pk, name="Alone", actor=ACTOR
    )
    return _run({"engine": _engine, "storage": _storage, "updating": _updating}, options, base)


def _run(parts: dict[str, Callable[[Any, Options], Found]], options: Options, about: Any) -> Found:
    found: Found = {}
    for name, part in parts.items():
        if name in options.parts:
            found |= part(about, options)
    return found


def _pipeline(bench: Bench, options: Options) -> Found:
    """The whole way from the upload to READY, the engine alone on the same chunks, and the same files once more."""
    files, alone = corpus(options.documents), engine.engine(_model(), threads=ModelSettings.current().threads)
    rounds = [_pipeline_round(bench, f"Corpus {number}", files, alone) for number in range(options.rounds)]
    return {
        "documents": len(files),
        "chunks": rounds[0]["chunks"],
        "chunks_per_second": median(one["chunks_per_second"] for one in rounds),
        "pipeline_efficiency": median(one["efficiency"] for one in rounds),
        "reingest_speedup": median(one["speedup"] for one in rounds),
        "worker_memory_growth": max(rounds[0]["memory_growth"].values()),
        "worker_memory_growth_by_worker": rounds[0]["memory_growth"],
    }


def _pipeline_round(bench: Bench, name: str, files: Sequence[File], alone: engine.EmbeddingEngine) -> Found:
    base, marks = bench.client.create_knowledge_base(name).id, (int(len(files) * EARLY), len(files))
    done = bench.ingest(base, files, watch_at=marks)
    texts = chunk_texts(base)
    engine_seconds = engine.seconds_of(alone.embed, texts)
    again_seconds = _upload_again(bench, base, files)
    early, late = (done.memory[mark] for mark in marks)
    say(
        f"{name}: {done.chunks} chunks, {len(texts)} distinct, in {done.seconds:.1f} s (uploads {done.upload_seconds:.1f} s);"
        f" the engine alone {engine_seconds:.1f} s; once more {again_seconds:.1f} s"
    )
    return {
        "chunks": done.chunks,
        "chunks_per_second": done.chunks / done.seconds,
        "efficiency": engine_seconds / done.seconds,
        "speedup": done.seconds / again_seconds,
        "memory_growth": {worker: late[worker] / early[worker] for worker in early},
    }


def _upload_again(bench: Bench, base: str, files: Sequence[File]) -> float:
    """Seconds to upload what is there already, which must be found out for every file."""
    started = time.perf_counter()
    outcomes = set(bench.upload(base, files))
    if outcomes != {"unchanged"}:
        raise AssertionError(f"The same bytes came to {outcomes}.")
    return time.perf_counter() - started


def _growth(bench: Bench, options: Options) -> Found:
    """Chunks/s into knowledge bases that hold some already, in turn, against the smallest."""
    bases = {size: bench.client.create_knowledge_base(f"Grown {size}").id for size in GROWN}
    for size, base in bases.items():
        growth.fill(UUID(base), size)
    rates: dict[int, list[float]] = {size: [] for size in GROWN}
    for number in range(options.rounds):
        files = corpus(GROWTH_DOCUMENTS, seed=100 + number)
        for size, base in bases.items():
            rates[size].append(_rate(bench, base, files))
    first = median(rates[GROWN[0]])
    return {"growth": {str(size): median(found) / first for size, found in rates.items()}}


def _rate(bench: Bench, base: str, files: Sequence[File]) -> float:
    before = chunk_count(base)
    done = bench.ingest(base, files)
    return (done.chunks - before) / done.seconds


def _llamaindex(bench: Bench, options: Options) -> Found:
    """Our whole way against theirs, which is given the parsed texts of the same documents."""
    model, ratios = _model(), []
    for number in range(options.rounds):
        files = corpus(PEER_DOCUMENTS, seed=200 + number)
        base = bench.client.create_knowledge_base(f"Peer {number}").id
        ours = bench.ingest(base, files)
        theirs = llamaindex.ingest_seconds(
            parsed_texts(base),
            model=model.path,
            dimensions=model.dimensions,
            threads=ModelSettings.current().threads,
            database_url=os.environ["DATABASE_OWNER_URL"],
            table=f"peer_{number}",
        )
        say(f"Peer {number}: ours {ours.seconds:.1f} s for {ours.chunks} chunks, LlamaIndex {theirs:.1f} s")
        ratios.append(theirs / ours.seconds)
    return {"vs_llamaindex": median(ratios)}


def _engine(_: KnowledgeBase, options: Options) -> Found:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM documents_chunk WHERE token_count > 20 ORDER BY md5(id::text) LIMIT %s", [ENGINE_TEXTS]
        )
        texts = [text for (text,) in cursor.fetchall()]
    # Measured by itself, nothing was ingested before.
    texts += pieces(ENGINE_TEXTS - len(texts), least=40, most=170)
    return engine.compare(
        _model(),
        texts,
        threads=ModelSettings.current().threads,
        rounds=options.rounds,
        precision=options.precision,
    )


def _storage(base: KnowledgeBase, options: Options) -> Found:
    generation = generation_ensure(base)
    ids = list(Chunk.objects.order_by("-pk").values_list("pk", flat=True)[:COPIED])
    return {"copy_vs_bulk_create": storage.compare(generation, ids, rounds=options.rounds), "copied": len(ids)}


def _updating(base: KnowledgeBase, _: Options) -> Found:
    return updating.chunks_embedded_again(base)


def _model() -> Any:
    return embedding_model_default()
