"""A whole re-index under a query load, with a model of another width, while documents change and a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.apps.models.conftest import checkpoint_make
from tests.flows.texts import write_documents
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]
Database = psycopg.Connection[tuple[Any, ...]]
PROJECT = Path(__file__).resolve().parents[2]
CELERY = [sys.executable, "-m", "celery", "-A", "workers.celery"]
DIMENSIONS = 64
DOCUMENTS = 30
PAUSE_SECONDS = 0.02
RETIRED_EARLIER = "UPDATE retrieval_indexgeneration SET retired_at = retired_at - interval '1 minute' WHERE id = %s"


@dataclass(slots=True)
class Load:
    """What came of the searches of a load: when each began, the documents it found, and what went wrong."""

    found: list[tuple[float, frozenset[str]]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def empty(self) -> int:
        return sum(not documents for _, documents in self.found)

    def times(self, document: str, *, since: float = 0.0) -> int:
        return sum(document in documents for began, documents in self.found if began >= since)


@pytest.fixture
def http(running: System, key: str) -> httpx.Client:
    return httpx.Client(base_url=f"{running.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60)


@contextmanager
def searching(http: httpx.Client, base: str, questions: list[str]) -> Iterator[Load]:
    """Two callers who search again and again beside the block."""
    load, stop = Load(), threading.Event()

    def search() -> None:
        number = 0
        while not stop.is_set():
            stop.wait(PAUSE_SECONDS)
            number, began = number + 1, time.monotonic()
            body = {"query": questions[number % len(questions)], "knowledge_bases": [base]}
            answer = http.post("/search", json=body)
            load.milliseconds.append((time.monotonic() - began) * 1000)
            if answer.status_code == httpx.codes.OK:
                load.found.append((began, frozenset(one["document"] for one in answer.json()["passages"])))
            else:
                load.errors.append(answer.text)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def embedding_worker(running: System, database: Database, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that embeds documents and answers no question, and is the only one that does."""
    options = ["-n", "extra@%h", "-Q", "embedding", "--pool", "threads", "-c", "2"]
    environ = running.environ | {"RAGSITE_MODEL_TRANSPORT": "local"}
    with log.open("wb") as output:
        command = [*CELERY, "worker", *options, "--without-gossip", "--without-mingle"]
        worker = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=output, stderr=output)
        try:
            seen = "SELECT FROM core_workerpresence WHERE worker LIKE 'extra@%'"
            wait_for(lambda: database.execute(seen).fetchone() is not None, seconds=120, what="the extra worker up")
            control(running, "cancel_consumer")
            yield worker
        finally:
            worker.kill()
            worker.wait()


def control(running: System, what: str) -> None:
    """Tell the model worker to leave the queue of documents to others, or to take from it again."""
    command = [*CELERY, "control", what, "embedding", "--destination", f"models@{os.uname().nodename}"]
    subprocess.run(command, cwd=PROJECT, env=running.environ, check=True, capture_output=True)


def goes_on(load: Load, *, what: str) -> None:
    searched = len(load.found)
    wait_for(lambda: len(load.found) > searched + 10, seconds=20, what=what)


def count(database: Database, statement: str, *values: object) -> int:
    (row,) = database.execute(statement, values).fetchall()
    return int(row[0])


def state(http: httpx.Client, base: str) -> dict[str, Any]:
    newest: dict[str, Any] = http.get(f"/knowledge-bases/{base}/reindex/").json()["results"][0]
    return newest


@pytest.mark.timeout(420)
def test_searches_go_on_through_a_re_index_while_documents_change_and_its_worker_is_killed(
    running: System, client: Client, http: httpx.Client, database: Database, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Re-indexed", chunking={"size": 32, "overlap": 0}).id
    files = write_documents(tmp_path, count=DOCUMENTS, sentences=20, seed=11)
    uploaded = [client.upload(base, path) for path in files]
    assert {one.status for one in client.as_ended(uploaded, seconds=120)} == {"ready"}
    checkpoint = tmp_path / "narrow"
    checkpoint.mkdir()
    checkpoint_make(checkpoint, dimensions=DIMENSIONS, tokens=256)
    running.manage("models", "register", str(checkpoint), "--name", "narrow")
    going, changing = uploaded[0].document, uploaded[1].document
    questions = [line for line in files[0].read_text().splitlines() if line.startswith("Entry")]

    with embedding_worker(running, database, tmp_path / "extra.log") as extra, searching(http, base, questions) as load:
        started = http.post(f"/knowledge-bases/{base}/reindex/", json={"model": "narrow"})
        assert started.status_code == httpx.codes.ACCEPTED, started.text
        made, total = started.json()["generation"], started.json()["chunk_total"]
        written = "SELECT count(*) FROM retrieval_embedding WHERE generation_id = %s"
        wait_for(lambda: count(database, written, made), seconds=60, what="some vectors", every=0.002)
        os.kill(extra.pid, signal.SIGKILL)
        extra.wait()
        kept = count(database, written, made)
        assert 0 < kept < total
        wait_for(lambda: load.times(going), seconds=30, what="the document that goes is found")
        assert http.delete(f"/documents/{going}/").status_code == httpx.codes.NO_CONTENT
        deleted_at = time.monotonic()
        (late,) = write_documents(tmp_path, count=1, sentences=20, seed=12)
        client.upload(base, late)
        with late.open("rb") as newer:
            http.put(f"/documents/{changing}/", files={"file": ("newer.md", newer.read() + b"\n\nNewer.")})
        control(running, "add_consumer")
        ended = wait_for(
            lambda: (found := state(http, base))["state"] in ("switched", "failed", "refused") and found,
            seconds=90, what="the re-index ended", every=0.2,
        )  # fmt: skip
        assert (ended["state"], ended["error"], ended["generation"]) == ("switched", "", made), ended
        wait_for(lambda: under_way(database, base) == 0, seconds=60, what="all versions ready")
        assert_whole(database, base, generation=made, documents=DOCUMENTS)
        began = time.monotonic()
        rolled_back = json.loads(running.manage("reindex", "--knowledge-base", base, "--rollback", "--json"))
        took = time.monotonic() - began
        assert rolled_back["state"] == "switched", rolled_back
        assert_whole(database, base, generation=rolled_back["generation_id"], documents=DOCUMENTS)
        early = http.delete(f"/knowledge-bases/{base}/generations/{made}/")
        assert (early.status_code, "answered less than" in early.text) == (httpx.codes.CONFLICT, True)
        goes_on(load, what="searches after the roll-back, so that none is at the generation any more")
        database.execute(RETIRED_EARLIER, [made])
        dropped = f"/knowledge-bases/{base}/generations/{made}/"
        wait_for(lambda: http.delete(dropped).status_code == 204, seconds=60, what="the generation dropped", every=0.2)
        goes_on(load, what="searches after the drop")

    slow = sorted(load.milliseconds)[int(len(load.milliseconds) * 0.95)]
    told = f"{kept} of {total} vectors at the kill, {len(load.found)} searches, p95 {slow:.0f} ms, rolled back in {took:.1f} s"
    print(told)  # noqa: T201
    assert load.errors == []
    assert load.empty() == 0
    assert load.times(going, since=deleted_at) == 0, "a deleted document was shown"
    assert count(database, "SELECT count(*) FROM pg_class WHERE relname = %s", f"retrieval_embedding_g{made}") == 0


def under_way(database: Database, base: str) -> int:
    return count(
        database,
        "SELECT count(*) FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id "
        "WHERE d.knowledge_base_id = %s AND d.deleted_at IS NULL AND v.status <> 'ready'",
        base,
    )


def assert_whole(database: Database, base: str, *, generation: int, documents: int) -> None:
    """The generation is live and has every chunk of the versions that answer."""
    live = "SELECT id FROM retrieval_indexgeneration WHERE knowledge_base_id = %s AND state = 'live'"
    assert count(database, live, base) == generation
    ((answering, chunks, vectors),) = database.execute(
        "SELECT count(DISTINCT d.id), count(c.id), count(e.chunk_id) FROM documents_document d "
        "JOIN documents_chunk c ON c.version_id = d.current_version_id "
        "LEFT JOIN retrieval_embedding e ON e.chunk_id = c.id AND e.generation_id = %s "
        "WHERE d.knowledge_base_id = %s AND d.deleted_at IS NULL",
        [generation, base],
    ).fetchall()
    assert answering == documents
    assert chunks == vectors > 0
