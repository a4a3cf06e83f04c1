"""The measuring half of benchmarks.rights: imported once Django is set up."""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psycopg
from django.db import connection, transaction

from apps.documents.models import KnowledgeBase
from apps.documents.rights.access import (
    AccessScope,
    Reading,
    Subjects,
    read_in_one_trip,
    reading_as,
    settings_local,
)
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.index.embeddings import embeddings_write
from apps.retrieval.index.generations import generation_ensure
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search import dense
from apps.retrieval.search.filters import scope_condition
from benchmarks.acting import ACTOR
from ragsite.core.database import rows_prepared
from ragsite.gateway.keys import api_key_create
from ragsite.gateway.models import Permission, Tenant

LIMIT, WIDTH = 10, 384


def measure(options: argparse.Namespace) -> None:
    """Fill three knowledge bases, then time the first one's searches."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    base, *_ = [_filled(number, options) for number in range(3)]
    key, _ = api_key_create(tenant=base.tenant, name="reader", permissions=[Permission.QUERY], actor=ACTOR)
    subjects = Subjects(api_key_id=key.pk)
    whole = AccessScope(base.tenant_id, frozenset({base.pk}), subjects=subjects)
    partly = AccessScope(base.tenant_id, frozenset(), frozenset({base.pk}), subjects)
    generation = generation_ensure(base)
    scopes = {"all": whole, "half": whole, "few": partly}
    for has_hnsw in (False, True):
        if has_hnsw:
            _run("SELECT retrieval_partition_index(%(generation)s, %(width)s)", generation=generation.pk, width=WIDTH)
        generation.has_hnsw = has_hnsw
        for name, scope in scopes.items():
            _run(_RIGHTS[name], base=base.pk, key=key.pk)
            _analyze()
            _compare(f"{'HNSW' if has_hnsw else 'exact'}, {name}", scope, generation, options.repeats)


def _filled(number: int, options: argparse.Namespace) -> KnowledgeBase:
    tenant = Tenant.objects.create(name=f"Tenant {number}", slug=f"tenant-{number}")
    base = KnowledgeBase.objects.create(tenant=tenant, name="Handbooks")
    generation = generation_ensure(base)
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"base": base.pk, "tenant": tenant.pk, "documents": options.documents})
        cursor.execute(_CHUNKS, {"base": base.pk, "chunks": options.chunks, "key": generation.chunking_key})
        ids = [pk for (pk,) in cursor.fetchall()]
    vectors = np.random.default_rng(number).standard_normal((len(ids), WIDTH)).astype(np.float32)
    with transaction.atomic():
        embeddings_write(generation, ids, vectors)
    return base


def _run(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def _analyze() -> None:
    """As the owner: the application's role may not."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def _compare(name: str, scope: AccessScope, generation: IndexGeneration, repeats: int) -> None:
    """Both ways in turns, each as often the first; the first pair only warms up."""
    vectors = np.random.default_rng(99).standard_normal((repeats + 1, WIDTH)).astype(np.float32)
    with_wall, without, server = [], [], _server()
    for number, vector in enumerate(vectors):
        for walled in (number % 2 == 0, number % 2 == 1):
            with patch.multiple(dense, **(_WALLED if walled else _OPEN)):
                (with_wall if walled else without).append(_milliseconds(scope, generation, vector, server))
    first, second = (statistics.median(times[1:]) for times in (with_wall, without))
    print(f"{name:12} with {first:7.2f} ms   without {second:7.2f} ms   ratio {first / second:.2f}")


def _without(scope: AccessScope) -> AbstractContextManager[Any]:
    return transaction.atomic()


def _read_without(scope: AccessScope, readings: Sequence[Reading]) -> list[list[tuple[Any, ...]]]:
    with transaction.atomic():
        settings_local(readings[0].settings)
        return [rows_prepared(reading.statement, reading.parameters) for reading in readings]


_WALLED = {"reading_as": reading_as, "read_in_one_trip": read_in_one_trip}
_OPEN = {"reading_as": _without, "read_in_one_trip": _read_without}


def _milliseconds(scope: AccessScope, generation: IndexGeneration, vector: Any, server: Path) -> float:
    """Processor time of the server's process for one search."""
    began = _spent(server)
    found = dense.dense_search(
        scope_condition(scope), scope=scope, generations=[generation], vector=vector, limit=LIMIT
    )
    assert len(found.hits) == LIMIT
    return (_spent(server) - began) / 1e6


def _spent(server: Path) -> int:
    """Nanoseconds on a processor: what else runs on the machine does not count."""
    return int(server.read_text().split()[0])


def _server() -> Path:
    """The process that serves this connection, without helpers, whose time would not be counted."""
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0; SELECT pg_backend_pid()")
        cursor.nextset()
        return Path(f"/proc/{cursor.fetchone()[0]}/schedstat")


_FILL = """
    WITH documents AS (
        INSERT INTO documents_document (
            id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking)
        SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Document ' || n, '', gen_random_uuid()::text, '{}', '{}'
        FROM generate_series(1, %(documents)s) n RETURNING id
    ), versions AS (
        INSERT INTO documents_documentversion (
            id, document_id, number, filename, document_type, content_hash, blob, size, status, retry_status, error_code,
            error, chunk_count, attempts, lease_owner)
        SELECT gen_random_uuid(), id, 1, 'a.txt', 'txt', '', '', 1, 'ready', '', '', '', 10, 0, '' FROM documents
        RETURNING id, document_id
    )
    SELECT count(*) FROM versions;
    UPDATE documents_document d SET current_version_id = v.id
    FROM documents_documentversion v WHERE v.document_id = d.id AND d.knowledge_base_id = %(base)s
"""
_CHUNKS = """
    INSERT INTO documents_chunk (
        version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash, token_count, heading_path)
    SELECT d.current_version_id, %(key)s, n, 0, 9, repeat('A sentence of a chunk. ', 30), '',
           decode(md5(random()::text), 'hex'), 200, '{}'
    FROM documents_document d CROSS JOIN generate_series(0, %(chunks)s - 1) n
    WHERE d.knowledge_base_id = %(base)s
    RETURNING id
"""
_RIGHTS = {
    "all": """
        UPDATE documents_knowledgebase SET visibility = 'tenant';
        UPDATE documents_document SET restricted = false WHERE restricted;
        DELETE FROM documents_grant
    """,
    "half": """
        UPDATE documents_document SET restricted = true
        WHERE id IN (SELECT id FROM documents_document WHERE knowledge_base_id = %(base)s ORDER BY id
                     LIMIT (SELECT count(*) / 2 FROM documents_document WHERE knowledge_base_id = %(base)s));
        INSERT INTO documents_grant (id, tenant_id, document_id, api_key_id, granted_by)
        SELECT gen_random_uuid(), tenant_id, id, %(key)s, 'benchmark' FROM documents_document
        WHERE knowledge_base_id = %(base)s AND restricted ORDER BY md5(id::text)
        LIMIT (SELECT count(*) / 4 FROM documents_document WHERE knowledge_base_id = %(base)s)
    """,
    "few": """
        UPDATE documents_knowledgebase SET visibility = 'restricted' WHERE id = %(base)s;
        UPDATE documents_document SET restricted = false WHERE restricted;
        DELETE FROM documents_grant WHERE id NOT IN (SELECT id FROM documents_grant ORDER BY id LIMIT 20)
    """,
}
