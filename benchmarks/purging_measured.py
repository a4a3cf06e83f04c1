"""The measuring half of benchmarks.purging: imported once Django is set up."""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from django.db import connection

from apps.documents.blobs import blob_path
from apps.documents.models import KnowledgeBase
from apps.documents.services.deleting import ADVICE, KnowledgeBaseDeletions
from apps.documents.services.knowledge_bases import knowledge_base_delete
from apps.documents.services.purging import blobs_purge, documents_purge
from apps.models.services.registry import bundled_model_path, model_register
from apps.retrieval.index.deleting import knowledge_base_deletion_work
from apps.retrieval.index.generations import generation_ensure
from benchmarks.acting import ACTOR
from benchmarks.place import say
from ragsite.core.configuration import StorageSettings
from ragsite.core.ids import new_id
from ragsite.core.work import Turn, rows_work
from ragsite.gateway.models import Tenant

BATCH = 20_000
OLD = time.time() - 86_400
SPARE = 1_000
"""One file of so many is named by no version."""


def measure(options: argparse.Namespace) -> dict[str, Any]:
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    tenant = Tenant.objects.create(name="Tenant", slug="tenant")
    for number in range(options.bases):
        generation_ensure(KnowledgeBase.objects.create(tenant=tenant, name=f"Other {number}"))
    say(f"{options.documents:,} documents twice …")
    purged, deleted = (_filled(tenant, name, options) for name in ("Purged", "Deleted"))
    _run("UPDATE documents_document SET deleted_at = now() WHERE knowledge_base_id = %(base)s", base=purged.pk)
    _run("ANALYZE documents_document, documents_documentversion, documents_chunk")
    figures = {"purge of deleted documents": _bites(documents_purge)}
    begun = time.perf_counter()
    knowledge_base_delete(knowledge_base=deleted, actor=ACTOR)
    figures["request that deletes a knowledge base, ms"] = round((time.perf_counter() - begun) * 1_000, 1)
    figures["its job"] = _bites(_delete)
    say(f"{options.blobs:,} files …")
    _store(tenant, options.blobs)
    figures["walk through the store"] = _bites(blobs_purge)
    return figures


def _delete(turn: Turn) -> None:
    rows_work(KnowledgeBaseDeletions(), knowledge_base_deletion_work, turn=turn, advice=ADVICE)


def _bites(work: Callable[[Turn], object]) -> dict[str, float]:
    """What one long turn takes: it is asked whether it is over before each bite."""
    asked: list[float] = []

    def over() -> bool:
        asked.append(time.perf_counter())
        return False

    work(Turn(math.inf, over))
    asked.append(time.perf_counter())
    seconds = [after - before for before, after in pairwise(asked)]
    figures = {
        "bites": len(seconds),
        "seconds": round(sum(seconds), 1),
        "median": round(statistics.median(seconds), 3),
        "longest": round(max(seconds), 3),
    }
    say(str(figures))
    return figures


def _filled(tenant: Tenant, name: str, options: argparse.Namespace) -> KnowledgeBase:
    base = KnowledgeBase.objects.create(tenant=tenant, name=name)
    generation = generation_ensure(base)
    parameters = {
        "tenant": tenant.pk, "base": base.pk, "documents": options.documents, "chunks": options.chunks,
        "generation": generation.pk, "key": generation.chunking_key,
    }  # fmt: skip
    for statement in (_DOCUMENTS, _VERSIONS, _CURRENT, _TEXTS, _STAGES, _CHUNKS, _VECTORS):
        _run(statement, **parameters)
    _touch(_blobs_of(base.pk))
    return base


def _store(tenant: Tenant, number: int) -> None:
    """Files in one folder; one document's versions name them all but one in a thousand."""
    base = KnowledgeBase.objects.create(tenant=tenant, name="Store")
    document = new_id()
    _run(_ONE_DOCUMENT, document=document, tenant=tenant.pk, base=base.pk)
    names = [f"{tenant.pk}/{new_id()}" for _ in range(number)]
    _touch(names)
    say("… which are named …")
    for name in names[::SPARE]:
        os.utime(blob_path(name), (OLD, OLD))
    named = [name for place, name in enumerate(names) if place % SPARE]
    for start in range(0, len(named), BATCH):
        _run(_NAMING, document=document, start=start, names=named[start : start + BATCH])
    _run("ANALYZE documents_documentversion")


def _blobs_of(base: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.blob FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id "
            "WHERE d.knowledge_base_id = %s",
            [base],
        )
        return [name for (name,) in cursor.fetchall()]


def _touch(names: list[str]) -> None:
    for folder in {blob_path(name).parent for name in names}:
        folder.mkdir(parents=True, exist_ok=True)
    root = StorageSettings.current().blob_dir
    for name in names:
        os.close(os.open(f"{root}/{name}", os.O_CREAT))


def _run(statement: str, **parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


_DOCUMENTS = """
    INSERT INTO documents_document (id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking)
    SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Document ' || n, '', md5(n::text), '{}', '{}'
    FROM generate_series(1, %(documents)s) n
"""
_ONE_DOCUMENT = """
    INSERT INTO documents_document (id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking)
    VALUES (%(document)s, %(tenant)s, %(base)s, 'Store', '', 'store', '{}', '{}')
"""
_VERSION = """
    INSERT INTO documents_documentversion (id, document_id, number, filename, document_type, content_hash, blob, size, status,
        retry_status, error_code, error, chunk_count, attempts, lease_owner)
"""
_VERSIONS = f"""{_VERSION}
    SELECT gen_random_uuid(), d.id, 1, 'a.txt', 'txt', d.content_hash, %(tenant)s || '/' || gen_random_uuid(), 1, 'ready',
        '', '', '', %(chunks)s, 0, ''
    FROM documents_document d WHERE d.knowledge_base_id = %(base)s
"""  # noqa: S608
_NAMING = f"""{_VERSION}
    SELECT gen_random_uuid(), %(document)s, n + %(start)s, 'a.txt', 'txt', 'store', name, 0, 'ready', '', '', '', 0, 0, ''
    FROM unnest(%(names)s::text[]) WITH ORDINALITY named (name, n)
"""  # noqa: S608
_CURRENT = """
    UPDATE documents_document d SET current_version_id = v.id
    FROM documents_documentversion v WHERE v.document_id = d.id AND d.knowledge_base_id = %(base)s
"""
_OF_BASE = """
    FROM documents_document d JOIN documents_documentversion v ON v.document_id = d.id AND d.knowledge_base_id = %(base)s
"""
_TEXTS = f"""
    INSERT INTO documents_parsedtext (version_id, text, sections, title, metadata, language, parser)
    SELECT v.id, repeat(md5(v.id::text), 150), '[]', '', '{{}}', 'en', 'text' {_OF_BASE}
"""
_STAGES = f"""
    INSERT INTO documents_stagerecord (version_id, stage, outcome, attempts, worker, error_code, error)
    SELECT v.id, stage, 'done', 1, 'worker', '', '' {_OF_BASE}
    CROSS JOIN unnest(ARRAY['parse', 'chunk', 'embed', 'activate']) stage
"""
_CHUNKS = f"""
    INSERT INTO documents_chunk (version_id, chunking_key, ordinal, start, "end", text, table_header, content_hash,
        token_count, heading_path)
    SELECT v.id, %(key)s, n, n * 1000, n * 1000 + 960, repeat(md5(v.id::text), 30), '', sha256((v.id::text || n)::bytea),
        200, '{{}}' {_OF_BASE}
    CROSS JOIN generate_series(0, %(chunks)s - 1) n
"""
_VECTORS = f"""
    INSERT INTO retrieval_embedding (generation_id, chunk_id, embedding)
    SELECT %(generation)s, c.id, (SELECT array_agg(random()) FROM generate_series(1, 384))::real[]::vector::halfvec
    {_OF_BASE} JOIN documents_chunk c ON c.version_id = v.id
"""  # noqa: S608
