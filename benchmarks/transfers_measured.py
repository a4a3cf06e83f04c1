"""The measuring half of benchmarks.transfers: imported once Django is set up."""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from apps.documents.blobs import blob_store
from apps.documents.models import KnowledgeBase
from apps.models.services.registry import bundled_model_path, model_register
from benchmarks.acting import ACTOR
from benchmarks.place import PROJECT, say
from ragsite.core.storage.store import Parts
from ragsite.gateway.tenants import tenant_get_or_create

CONTENT = b"The pier opens at six. Write to the harbour for a berth.\n"
COMMANDS = ("export", "verify", "import", "export again")

Figures = dict[str, Any]


def measure(options: argparse.Namespace) -> list[Figures]:
    """The figures of each size, from which those of a tenant with one document are taken off."""
    model_register(source=bundled_model_path(), name="sentence-transformers/all-MiniLM-L6-v2", actor=ACTOR)
    with tempfile.TemporaryDirectory(prefix="ragsite-transfers-") as place:
        least = _measured(Path(place), 1, 1)
        say(f"1: {least}")
        return [_beyond(least, _measured(Path(place), many, options.questions)) for many in sorted(options.documents)]


def _measured(place: Path, documents: int, questions: int) -> Figures:
    slug, copy = f"tenant-{documents}", f"copy-{documents}"
    rows = _filled(slug, documents, questions)
    say(f"{documents:,}: {rows:,} rows are there")
    folder, again = str(place / slug), str(place / copy)
    ran = {
        "export": _ran("export", folder, "--tenant", slug),
        "verify": _ran("verify", folder),
        "import": _ran("import", folder, "--new-tenant", copy),
        "export again": _ran("export", again, "--tenant", copy),
    }
    if (written := _lines(Path(folder))) != _lines(Path(again)):
        raise AssertionError(f"Exported were {written}, and of the import {_lines(Path(again))}")
    return {"documents": documents, "rows": rows, **ran}


def _beyond(least: Figures, found: Figures) -> Figures:
    rows = found["rows"]
    figures: Figures = {"documents": found["documents"], "rows": rows}
    for name in COMMANDS:
        seconds, megabytes, wall = found[name]
        figures[name] = {
            "processor_ms_a_thousand_rows": round((seconds - least[name][0]) / rows * 1e6, 1),
            "wall_seconds": round(wall, 1),
            "mb_beyond": round(megabytes - least[name][1], 1),
            "mb_a_million_rows": round((megabytes - least[name][1]) / rows * 1e6),
        }
    say(str(figures))
    return figures


def _ran(*words: str) -> tuple[float, float, float]:
    """Seconds on a processor, most memory in MB, and seconds, of a command in a process of its own."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "transfer", *words, "--json"], cwd=PROJECT, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"manage.py transfer {' '.join(words)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, time.perf_counter() - began


def _lines(folder: Path) -> dict[str, int]:
    return {path.name: path.read_bytes().count(b"\n") for path in sorted(folder.glob("tables/*.jsonl"))}


def _filled(slug: str, documents: int, questions: int) -> int:
    """How many rows the tenant has."""
    tenant = tenant_get_or_create(name=slug, actor=ACTOR)
    base = KnowledgeBase.objects.create(tenant=tenant, name="Large")
    given = {
        "tenant": tenant.pk, "base": base.pk, "documents": documents, "questions": questions, "size": len(CONTENT),
        "digest": hashlib.sha256(CONTENT).hexdigest(), "text": CONTENT.decode(),
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in (_DOCUMENTS, _VERSIONS, _CURRENT, _TEXTS, _QUERIES, _ANSWERS, _CITATIONS):
            cursor.execute(statement, given)
        cursor.execute(_BLOBS, given)
        for (name,) in cursor.fetchall():
            blob_store().save(name, Parts([CONTENT]))
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    return 1 + 3 * documents + 3 * documents * questions


def table(figures: list[Figures]) -> str:
    """As text, a line a command."""
    few, many = figures[0], figures[-1]
    lines = [f"{few['rows']:,} and {many['rows']:,} rows"]
    for name in COMMANDS:
        taken, most = (one[name]["processor_ms_a_thousand_rows"] for one in (few, many))
        lines.append(
            f"{name:13} {taken:8.1f} and {most:8.1f} ms of the processor for 1,000 rows: ratio {most / taken:.2f}; "
            f"{many[name]['mb_beyond']:8.1f} MB beyond one document's, {many[name]['mb_a_million_rows']:,} a million rows"
        )
    return "\n".join(lines)


_DOCUMENTS = """
    INSERT INTO documents_document (
        id, tenant_id, knowledge_base_id, title, external_id, content_hash, metadata, chunking)
    SELECT gen_random_uuid(), %(tenant)s, %(base)s, 'Document ' || n, 'doc-' || n, gen_random_uuid()::text, '{}', '{}'
    FROM generate_series(1, %(documents)s) n
"""
_VERSIONS = """
    INSERT INTO documents_documentversion (
        id, document_id, number, filename, document_type, content_hash, blob, size, status, retry_status, error_code,
        error, chunk_count, attempts, lease_owner)
    SELECT gen_random_uuid(), id, 1, 'a.txt', 'txt', %(digest)s, %(tenant)s || '/' || gen_random_uuid(), %(size)s,
        'ready', '', '', '', 1, 0, ''
    FROM documents_document WHERE knowledge_base_id = %(base)s
"""
_CURRENT = """
    UPDATE documents_document d SET current_version_id = v.id
    FROM documents_documentversion v WHERE v.document_id = d.id AND d.knowledge_base_id = %(base)s
"""
_TEXTS = """
    INSERT INTO documents_parsedtext (version_id, text, sections, title, metadata, parser)
    SELECT current_version_id, %(text)s, '[]', '', '{}', 'text' FROM documents_document WHERE knowledge_base_id = %(base)s
"""
_QUERIES = """
    INSERT INTO retrieval_query (id, tenant_id, asked_by, question, knowledge_base_ids)
    SELECT gen_random_uuid(), %(tenant)s, 'anna', 'When?', jsonb_build_array(%(base)s::text)
    FROM generate_series(1, %(documents)s * %(questions)s)
"""
_ANSWERS = """
    INSERT INTO retrieval_answer (id, query_id, text, found, generator, citation_count, milliseconds)
    SELECT gen_random_uuid(), id, 'At six.', true, 'extractive', 1, '{"search": 12}'
    FROM retrieval_query WHERE tenant_id = %(tenant)s
"""
_CITATIONS = """
    INSERT INTO retrieval_citation (answer_id, claim, version_id, start, "end", quote, heading_path, score)
    SELECT a.id, 0, v.id, 0, 22, 'The pier opens at six.', '[]', 0.5
    FROM (SELECT a.id, row_number() OVER (ORDER BY a.id) AS place FROM retrieval_answer a
          JOIN retrieval_query q ON q.id = a.query_id WHERE q.tenant_id = %(tenant)s) a
    JOIN (SELECT current_version_id AS id, row_number() OVER (ORDER BY id) - 1 AS place
          FROM documents_document WHERE knowledge_base_id = %(base)s) v
      ON v.place = a.place %% %(documents)s
"""
_BLOBS = """
    SELECT v.blob FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    WHERE d.knowledge_base_id = %(base)s
"""
