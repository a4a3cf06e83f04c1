"""The measuring half of `benchmarks.large --parts`: imported once Django is set up."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from numpy.typing import NDArray

from apps.documents.models import Document, KnowledgeBase
from apps.documents.rights.access import AccessScope
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure, generation_index_if_large
from apps.retrieval.index.parts import parts_ensure
from apps.retrieval.models import IndexGeneration, parts_now
from apps.retrieval.search.dense import dense_search, generations_in_scope
from apps.retrieval.search.filters import Period, SearchFilters, filters_condition, scope_condition
from benchmarks.acting import ACTOR
from benchmarks.large_measured import (
    CANDIDATES,
    TOP,
    Figures,
    Nearest,
    Processors,
    Row,
    bytes_of,
    chunks_made,
    figures_of,
    halves,
    server,
    spent_by,
)
from benchmarks.place import say
from benchmarks.search.filling import AT_A_TIME, Material, material, vacuum, vectors_mixed
from ragsite.gateway.tenants import tenant_get_or_create

INDEXED_FROM = "RAGSITE_HNSW_MIN_ROWS"
PARTS = 6
BEGINS = [datetime(2025, month, 1, tzinfo=UTC) for month in range(1, PARTS + 2)]
ASKED = {
    "everything": (range(PARTS), SearchFilters()),
    "half of the parts": (range(3), SearchFilters(created=Period(BEGINS[0], BEGINS[3]))),
    "one part": (range(1), SearchFilters(created=Period(BEGINS[0], BEGINS[1]))),
}
"""Which parts hold what is asked for, and the filter that asks for it."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A knowledge base in parts, or whole, and for what is asked the chunks that are nearest to each question."""

    generation: IndexGeneration
    nearest: dict[str, list[set[int]]]


def measure(options: argparse.Namespace) -> None:
    """Print the figures of each size, and those of parts as shares of those of one index."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    given = material(options.questions)
    for size in options.sizes:
        print(json.dumps({"chunks": size, "number_of_parts": PARTS} | _measured(size, given, options)), flush=True)


def _measured(size: int, given: Material, options: argparse.Namespace) -> Figures:
    both = {"whole": _filled(size, given, "none"), "parts": _filled(size, given, "month")}
    found: Figures = {name: _built(one.generation) for name, one in both.items()}
    say(f"{size}: {found}")
    vacuum()
    for asked in ASKED:
        found[asked] = _compared(both, asked, given, options)
        say(f"{size}, {asked}: {found[asked]}")
    found["ratios"] = {name: round(found["parts"][name] / found["whole"][name], 2) for name in found["whole"]}
    return found


def _filled(size: int, given: Material, parts: str) -> Filled:
    tenant = tenant_get_or_create(name="Benchmark", actor=ACTOR)
    base = KnowledgeBase.objects.create(tenant=tenant, name=f"{size}, {parts}", parts=parts)
    generation = generation_ensure(base)
    chunk_ids = chunks_made(generation, size)
    of_part = _months_given(base)
    parts_ensure(
        generation, list(Document.objects.filter(knowledge_base=base).values_list("current_version", flat=True))
    )
    questions, dice = halves(given.question_vectors), np.random.default_rng(size)
    best = {asked: Nearest(questions) for asked in ASKED}
    for start in range(0, size, AT_A_TIME):
        ids, lies = chunk_ids[start : start + AT_A_TIME], of_part[start : start + AT_A_TIME]
        vectors = vectors_mixed(given, len(ids), dice).vectors
        with transaction.atomic():
            embeddings_write(generation, ids.tolist(), vectors)
        for asked, (within, _) in ASKED.items():
            meant = np.isin(lies, within)
            best[asked].take(ids[meant], halves(vectors)[meant])
    return Filled(generation, {asked: one.ids() for asked, one in best.items()})


def _months_given(base: KnowledgeBase) -> NDArray[np.int64]:
    """Documents are of one month after the other; the month of each chunk, in the order of chunks."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, {"base": base.pk, "begins": BEGINS[:PARTS], "parts": PARTS})
        cursor.execute(_OF_CHUNKS, {"base": base.pk})
        return np.array([int(month) - 1 for (month,) in cursor.fetchall()], dtype=np.int64)


def _built(generation: IndexGeneration) -> Figures:
    setattr(settings, INDEXED_FROM, 1)
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_maintenance_workers = 1")
    spent, began = Processors(), time.perf_counter()
    with spent:
        generation_index_if_large(generation)
    tables = [held.partition for held in parts_now(generation)]
    return {
        "build_seconds": round(time.perf_counter() - began, 1),
        "build_processor_seconds": round(spent.seconds, 1),
        "index_bytes": sum(bytes_of("pg_relation_size", f"{table}_hnsw") for table in tables),
        "table_bytes": sum(bytes_of("pg_table_size", table) for table in tables),
    }


def _compared(both: dict[str, Filled], asked: str, given: Material, options: argparse.Namespace) -> Figures:
    """Those of one index by its rule, and of parts by theirs and with so many candidates each; they take turns at questions."""
    ways = [("whole", 0), ("parts", 0), *(("parts", candidates) for candidates in options.candidates)]
    rows: dict[tuple[str, int], list[Row]] = {way: [] for way in ways}
    for number in (0, *range(options.questions)):
        for way, found in rows.items():
            found.append(_search(both[way[0]], asked, way[1], number, given))
    figures = {way: figures_of(found[1:]) for way, found in rows.items()}
    told = {f"{name}, {candidates or 'by the rule'}": one for (name, candidates), one in figures.items()}
    by_rule, one_index = figures["parts", 0], figures["whole", 0]
    return told | {"ratios": {name: round(by_rule[name] / one_index[name], 2) for name in by_rule}}


def _search(filled: Filled, asked: str, candidates: int, number: int, given: Material) -> Row:
    setattr(settings, CANDIDATES, candidates)
    base = filled.generation.knowledge_base
    scope = AccessScope(base.tenant_id, frozenset({base.pk}))
    condition = scope_condition(scope) & filters_condition(ASKED[asked][1])
    generations = generations_in_scope(scope)
    wanted: dict[str, Any] = {"scope": scope, "generations": generations, "vector": given.question_vectors[number]}
    spent, began = spent_by(server()), time.perf_counter()
    hits = dense_search(condition, **wanted, limit=TOP).hits
    took = (time.perf_counter() - began) * 1000
    found = {hit.chunk_id for hit in hits} & filled.nearest[asked][number]
    return min(TOP, len(found)) / TOP, took, (spent_by(server()) - spent) / 1e6


_MONTHS = """
    UPDATE documents_document d SET created_at = (%(begins)s::timestamptz[])[1 + n.number %% %(parts)s] + interval '10 days'
    FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS number FROM documents_document WHERE knowledge_base_id = %(base)s
    ) n
    WHERE n.id = d.id
"""
_OF_CHUNKS = """
    SELECT extract(month FROM d.created_at AT TIME ZONE 'UTC')
    FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE d.knowledge_base_id = %(base)s ORDER BY c.id
"""
