"""The comparisons, each with its two sides in turn."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import median
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
import psycopg
from django.db.models import Q
from pgvector import HalfVector

from apps.documents.models import Document
from apps.documents.retrieval_settings import Mode
from apps.documents.rights.access import AccessScope
from apps.models.gateway import Deadline, using_transport
from apps.retrieval.index.lexical import reading
from apps.retrieval.models import IndexGeneration
from apps.retrieval.pipeline import retrieve
from apps.retrieval.search.candidates import candidates_for
from apps.retrieval.search.dense import dense_search
from apps.retrieval.search.filters import Condition, scope_condition
from apps.retrieval.search.lexical import lexical_search
from apps.retrieval.search.request import SearchRequest
from benchmarks.place import say
from benchmarks.search.filling import TENANT, Filled, Material, fill, keeping, material
from benchmarks.search.options import Options
from ragsite.stack.system import System

LARGE = "Large"
TOP = 10
KEPT = {"50": 500, "10": 100, "1": 10, "0_1": 1}
"""Filters by how many per cent they keep, and the least `share` (of 1,000) that they leave out."""
HIDDEN = {"none": 0, "1_%": 10, "10_%": 100, "50_%": 500}
"""Shares of the documents that are restricted, and the `share` (of 1,000) below which they are."""
_EVERYTHING = reading._POSTINGS.rpartition("UNION ALL")[0]
"""The statement without the ranges of chunks that do not count."""
EXACT_QUESTIONS = 50
"""Exact search reads every vector: of so many questions the neighbours are looked up."""
PATIENCE_SECONDS = 60.0
PARTS_OF_A_SEARCH = ("embed", "dense", "lexical", "passages")

Found = dict[str, Any]


def with_system(running: System, options: Options) -> Found:
    """Fill the knowledge base, and measure what needs the running system."""
    large = _large(options.chunks, options.questions)
    if "api" not in options.parts:
        return {}
    client = httpx.Client(
        base_url=f"{running.url}/api/v1",
        headers={"Authorization": f"Bearer {running.manage('apikey', 'benchmark', '--tenant', TENANT).strip()}"},
        timeout=PATIENCE_SECONDS,
    )
    return _api(client, large, _material(options.questions), options)


def without_system(options: Options) -> Found:
    """What is measured in this process, on servers that have nothing else to do."""
    large, given = _large(options.chunks, options.questions), _material(options.questions)
    parts = {"recall": _recalls, "plain": _plain, "hybrid": _hybrid, "growth": _growth, "counting": _counting}
    found: Found = {}
    for name, part in parts.items():
        if name in options.parts:
            found |= part(large, given, options)
    return found


@lru_cache(maxsize=1)
def _material(questions: int) -> Material:
    return material(questions)


@lru_cache(maxsize=1)
def _large(chunks: int, questions: int) -> Filled:
    return fill(LARGE, chunks, _material(questions))


def _api(client: httpx.Client, large: Filled, given: Material, options: Options) -> Found:
    """A search over HTTP against the embedding of its question and its SQL in one process."""
    whole, parts = [], []
    with using_transport("local"):
        for text in _warmed(given.questions, options.rounds):
            body = {"query": text, "top_k": TOP, "knowledge_bases": [str(large.generation.knowledge_base_id)]}
            whole.append(_milliseconds(lambda body=body: _answered(client.post("/search", json=body))))
            parts.append(_parts(text, large.generation))
    compared = _p(whole[1:], 50) / _p(parts[1:], 50)
    say(f"over HTTP {_told(whole[1:])}, its parts {_told(parts[1:])}")
    return {"api_p50_vs_parts_p50": compared}


def _answered(response: httpx.Response) -> None:
    response.raise_for_status()
    if len(response.json()["passages"]) != TOP:
        raise AssertionError(f"A search found {len(response.json()['passages'])} passages.")


def _parts(text: str, generation: IndexGeneration) -> float:
    """Milliseconds of the embedding and the SQL of a search, without what is between them."""
    timings = _searched(text, generation, None).milliseconds
    return float(sum(timings.get(part, 0.0) for part in PARTS_OF_A_SEARCH))


def _recalls(large: Filled, given: Material, options: Options) -> Found:
    """Which of the ten nearest the index finds, without a filter and under filters."""
    vectors = given.question_vectors[:EXACT_QUESTIONS]
    everything = scope_condition(_scope(large.generation))
    filtered = {kept: _recall(large.generation, everything & keeping(below), vectors) for kept, below in KEPT.items()}
    return {"recall_at_10": _recall(large.generation, everything, vectors), "filtered_recall": filtered}


def _recall(generation: IndexGeneration, condition: Condition, vectors: np.ndarray) -> float:
    unindexed = copy.copy(generation)
    unindexed.has_hnsw = False
    shares = [
        len(_nearest(generation, condition, vector) & (exact := _nearest(unindexed, condition, vector))) / len(exact)
        for vector in vectors
    ]
    return float(np.mean(shares))


def _nearest(generation: IndexGeneration, condition: Condition, vector: np.ndarray) -> set[int]:
    found = dense_search(condition, scope=_scope(generation), generations=[generation], vector=vector, limit=TOP)
    return {hit.chunk_id for hit in found.hits}


def _plain(large: Filled, given: Material, options: Options) -> Found:
    """Queries/s of dense search under rights against pgvector alone, both by the same index with as many candidates."""
    condition, scope = scope_condition(_scope(large.generation)), _scope(large.generation)
    ratios, times = [], []
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute("SELECT set_config('hnsw.ef_search', %s, false)", [str(candidates_for(large.chunks))])
        for _ in range(options.rounds):
            ours = _seconds_of(
                lambda vector: dense_search(
                    condition, scope=scope, generations=[large.generation], vector=vector, limit=TOP
                ),
                given.question_vectors,
            )
            plain = _seconds_of(
                lambda vector: _by_pgvector(connection, large.generation, vector), given.question_vectors
            )
            ratios.append(plain / ours)
            times.append((ours, plain))
        recall = np.mean(
            [_plain_recall(connection, large.generation, v) for v in given.question_vectors[:EXACT_QUESTIONS]]
        )
    say(f"dense search and plain pgvector, seconds for {len(given.questions)} questions: {times}")
    return {"qps_vs_plain_pgvector": median(ratios), "plain_recall_at_10": float(recall)}


def _by_pgvector(connection: psycopg.Connection[Any], generation: IndexGeneration, vector: np.ndarray) -> set[int]:
    statement = _PLAIN.format(partition=generation.partition, width=generation.dimensions)
    rows = connection.execute(statement, {"vector": HalfVector(vector).to_text(), "limit": TOP}).fetchall()
    return {chunk_id for (chunk_id,) in rows}


def _plain_recall(connection: psycopg.Connection[Any], generation: IndexGeneration, vector: np.ndarray) -> float:
    unindexed = copy.copy(generation)
    unindexed.has_hnsw = False
    exact = _nearest(unindexed, scope_condition(_scope(generation)), vector)
    return len(_by_pgvector(connection, generation, vector) & exact) / len(exact)


def _hybrid(large: Filled, given: Material, options: Options) -> Found:
    """A hybrid search against a dense one, both with the question's embedding."""
    times: dict[Mode, list[float]] = {Mode.DENSE: [], Mode.HYBRID: []}
    with using_transport("local"):
        for text in _warmed(given.questions, options.rounds):
            for mode, found in times.items():
                found.append(_milliseconds(lambda mode=mode, text=text: _searched(text, large.generation, mode)))
    say("; ".join(f"{mode} {_told(found[1:])}" for mode, found in times.items()))
    return {"hybrid_p95_vs_dense_p95": _p(times[Mode.HYBRID][1:], 95) / _p(times[Mode.DENSE][1:], 95)}


def _counting(large: Filled, given: Material, options: Options) -> Found:
    """A search by words that counts what the caller may see against one that counts everything, in turns."""
    times: dict[str, tuple[list[float], list[float]]] = {}
    for name, hidden in HIDDEN.items():
        documents = Document.objects.filter(knowledge_base=large.generation.knowledge_base)
        documents.update(restricted=Q(metadata__share__lt=hidden))
        ours, everything = times.setdefault(name, ([], []))
        for text in _warmed(given.questions, options.rounds):
            ours.append(_milliseconds(lambda text=text: _by_words(text, large.generation)))
            with patch.object(reading, "_POSTINGS", _EVERYTHING):
                everything.append(_milliseconds(lambda text=text: _by_words(text, large.generation)))
        say(f"{name} hidden: {_told(ours[1:])}, counting everything {_told(everything[1:])}")
    return {
        "lexical_p50_vs_counting_everything": {
            name: _p(ours[1:], 50) / _p(everything[1:], 50) for name, (ours, everything) in times.items()
        }
    }


def _by_words(text: str, generation: IndexGeneration) -> object:
    scope = _scope(generation)
    return lexical_search(scope_condition(scope), scope=scope, generations=[generation], text=text, limit=TOP)


def _growth(large: Filled, given: Material, options: Options) -> Found:
    """What a search and its indexes cost at one size and another."""
    filled = [*(fill(f"Of {size}", size, given) for size in options.sizes), large]
    return {"growth": {str(one.chunks): _at(one, given) for one in sorted(filled, key=lambda one: one.chunks)}}


def _at(filled: Filled, given: Material) -> Found:
    generation = filled.generation
    scope, condition = _scope(generation), scope_condition(_scope(generation))
    dense = _times(lambda _, vector: _nearest(generation, condition, vector), given)
    lexical = _times(
        lambda text, _: lexical_search(condition, scope=scope, generations=[generation], text=text, limit=TOP), given
    )
    found = {
        "dense_ms": _both(dense),
        "lexical_ms": _both(lexical),
        "recall_at_10": _recall(generation, condition, given.question_vectors[:EXACT_QUESTIONS]),
        "hnsw_seconds": round(filled.index_seconds, 1),
        "lexical_seconds": round(filled.lexical_seconds, 1),
        "bytes_a_chunk": round(filled.vector_bytes / filled.chunks),
    }
    say(f"{filled.chunks}: {found}")
    return found


def _times(search_one: Callable[[str, np.ndarray], object], given: Material) -> list[float]:
    asked = list(zip(given.questions, given.question_vectors, strict=True))
    times = [_milliseconds(lambda t=text, v=vector: search_one(t, v)) for text, vector in [asked[0], *asked]]
    return times[1:]


def _searched(text: str, generation: IndexGeneration, mode: Mode | None) -> Any:
    deadline = Deadline.after(PATIENCE_SECONDS)
    return retrieve(SearchRequest(text, top_k=TOP, mode=mode), scope=_scope(generation), deadline=deadline)


def _scope(generation: IndexGeneration) -> AccessScope:
    base = generation.knowledge_base
    return AccessScope(base.tenant_id, frozenset({base.pk}))


def _warmed(questions: Sequence[str], rounds: int) -> list[str]:
    """The first question once more before the others; what it takes is not counted."""
    return [questions[0], *list(questions) * rounds]


def _seconds_of(search_one: Callable[[np.ndarray], object], vectors: np.ndarray) -> float:
    search_one(vectors[0])
    started = time.perf_counter()
    for vector in vectors:
        search_one(vector)
    return time.perf_counter() - started


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _p(times: Sequence[float], percentile: int) -> float:
    return float(np.percentile(times, percentile))


def _both(times: Sequence[float]) -> dict[str, float]:
    return {"p50": round(_p(times, 50), 1), "p95": round(_p(times, 95), 1)}


def _told(times: Sequence[float]) -> str:
    return f"p50 {_p(times, 50):.1f} ms, p95 {_p(times, 95):.1f} ms"


_PLAIN = """
    SELECT chunk_id FROM {partition}
    ORDER BY embedding::halfvec({width}) <=> %(vector)s::halfvec({width}) LIMIT %(limit)s
"""
