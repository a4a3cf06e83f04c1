"""A whole system under measurement: real processes, reached over HTTP as an application would."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil
from django.db import connection
from ragsite_client import Client, FileResult

from benchmarks.ingestion.corpus import File
from ragsite.core.errors import ServiceUnavailableError
from ragsite.stack.system import System

FILES_IN_A_REQUEST = 50
PATIENCE_SECONDS = 1800.0
POLL_SECONDS = 0.5
WORKERS = ("parsing", "general", "models")


@dataclass(frozen=True, slots=True)
class Ingestion:
    """From the first upload to the last READY; `memory` is resident bytes by worker, as documents became ready."""

    seconds: float
    upload_seconds: float
    chunks: int
    memory: dict[int, dict[str, int]]


class Bench:
    """A running system and a client of it."""

    def __init__(self, running: System, *, tenant: str = "Default") -> None:
        self.running = running
        self.client = Client(running.url, running.manage("apikey", "benchmark", "--tenant", tenant), retries=0)

    def upload(self, knowledge_base: str, files: Sequence[File]) -> list[str]:
        """Upload through the bulk endpoint; each file's outcome.

        Raises:
            ServiceUnavailableError: one was refused.
        """
        results: list[FileResult] = []
        for some in _batches(files):
            results += self.client.upload_many(knowledge_base, [(file.name, file.content) for file in some])
        return [_outcome(result) for result in results]

    def ingest(self, knowledge_base: str, files: Sequence[File], *, watch_at: Sequence[int] = ()) -> Ingestion:
        """Upload and wait until every document is READY."""
        memory: dict[int, dict[str, int]] = {}
        before, started = ready_count(knowledge_base), time.perf_counter()
        self.upload(knowledge_base, files)
        uploaded = time.perf_counter()
        for ready in _readiness(knowledge_base, before + len(files)):
            for mark in watch_at:
                if ready - before >= mark and mark not in memory:
                    memory[mark] = self.memory()
        seconds = time.perf_counter() - started
        return Ingestion(seconds, uploaded - started, chunk_count(knowledge_base), memory)

    def memory(self) -> dict[str, int]:
        """Resident bytes of each worker with the processes it forked."""
        return {name: _resident(self.running.supervisor.pid(name)) for name in WORKERS}


def _outcome(result: FileResult) -> str:
    if result.outcome is None:
        raise ServiceUnavailableError(f"{result.filename}: {result.error.detail if result.error else 'refused'}")
    return result.outcome


def ready_count(knowledge_base: str) -> int:
    """How many versions of the knowledge base are READY.

    Raises:
        ServiceUnavailableError: one has failed.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STATUSES, [knowledge_base])
        ready, failed, why = cursor.fetchone()
    if failed:
        raise ServiceUnavailableError(f"{failed} documents failed, one of them so: {why}")
    return int(ready)


def chunk_count(knowledge_base: str) -> int:
    """How many chunks the current versions have."""
    with connection.cursor() as cursor:
        cursor.execute(_CHUNKS, [knowledge_base])
        return int(cursor.fetchone()[0])


def chunk_texts(knowledge_base: str) -> list[str]:
    """What was embedded, once for each distinct text."""
    with connection.cursor() as cursor:
        cursor.execute(_TEXTS, [knowledge_base])
        return [text for (text,) in cursor.fetchall()]


def parsed_texts(knowledge_base: str) -> list[str]:
    """What the documents say."""
    with connection.cursor() as cursor:
        cursor.execute(_PARSED, [knowledge_base])
        return [text for (text,) in cursor.fetchall()]


def _readiness(knowledge_base: str, wanted: int) -> Iterator[int]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (ready := ready_count(knowledge_base)) < wanted:
        yield ready
        if time.monotonic() > deadline:
            raise ServiceUnavailableError(f"{ready} of {wanted} documents were ready after {PATIENCE_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)
    yield ready


def _batches(files: Sequence[File]) -> Iterator[Sequence[File]]:
    for start in range(0, len(files), FILES_IN_A_REQUEST):
        yield files[start : start + FILES_IN_A_REQUEST]


def _resident(pid: int) -> int:
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


_STATUSES = """
    SELECT count(*) FILTER (WHERE v.status = 'ready'), count(*) FILTER (WHERE v.status = 'failed'), max(v.error)
    FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id
    WHERE d.knowledge_base_id = %s
"""

_CHUNKS = """
    SELECT count(*) FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE d.knowledge_base_id = %s
"""

_TEXTS = """
    SELECT min(CASE WHEN c.table_header = '' THEN c.text ELSE c.table_header || E'\\n' || c.text END)
    FROM documents_chunk c JOIN documents_document d ON d.current_version_id = c.version_id
    WHERE d.knowledge_base_id = %s GROUP BY c.content_hash
"""

_PARSED = """
    SELECT p.text FROM documents_parsedtext p JOIN documents_document d ON d.current_version_id = p.version_id
    WHERE d.knowledge_base_id = %s
"""
