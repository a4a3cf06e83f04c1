"""Documents through the whole system, while parts of it are killed."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from ragsite.stack.client import Client
from ragsite.stack.stack import Stack
from ragsite.stack.system import System
from tests.flows.texts import write_documents
from tests.waiting import wait_for
from workers.relay import PARTITIONS

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]
Database = psycopg.Connection[tuple[Any, ...]]


def test_everything_ends_ready_when_the_parsing_and_the_model_worker_are_killed(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    base = client.knowledge_base("Killed workers")
    uploaded = [client.upload(base, path) for path in write_documents(tmp_path, count=40, sentences=40, seed=1)]

    wait_for(lambda: _reached(database, base, "parsed") >= 4, seconds=60, what="some documents parsed")
    os.kill(running.supervisor.pid("parsing"), signal.SIGKILL)
    wait_for(lambda: 1 <= _reached(database, base, "embedded") < 40, seconds=90, what="some documents embedded")
    os.kill(running.supervisor.pid("models"), signal.SIGKILL)
    ended = list(client.wait([version["id"] for version in uploaded], seconds=150))

    assert Counter(version["status"] for version in ended) == {"ready": 40}
    assert running.supervisor.restarts("parsing") >= 1
    assert running.supervisor.restarts("models") >= 1
    _assert_no_chunk_twice(database, base)
    _assert_spans_stand(database, base)
    assert _events(database, base) == {"document.created": 40, "vector.indexed": 40}


def test_everything_ends_ready_when_redis_is_restarted_with_work_in_flight_and_loses_all_messages(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    stack = Stack(Path(running.environ["RAGSITE_DATA_DIR"]) / "stack", {})
    before = {name: running.supervisor.restarts(name) for name in ("parsing", "general", "models")}
    base = client.knowledge_base("Lost messages")
    uploaded = [client.upload(base, path) for path in write_documents(tmp_path, count=12, sentences=40, seed=2)]
    stack.server("redis").stop()
    for log in stack.directory.glob("redis/**/appendonly*"):
        log.unlink()
    stack.server("redis").start()
    ended = list(client.wait([version["id"] for version in uploaded], seconds=90))

    assert Counter(version["status"] for version in ended) == {"ready": 12}
    _assert_no_chunk_twice(database, base)
    after = {name: running.supervisor.restarts(name) for name in before}
    assert after == before, "a worker ended when Redis went away"


def test_every_event_reaches_the_broker_in_order_per_document(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    base = client.knowledge_base("Events")
    uploaded = [client.upload(base, path) for path in write_documents(tmp_path, count=5, sentences=3, seed=3)]
    assert [version["status"] for version in client.wait([v["id"] for v in uploaded], seconds=60)] == ["ready"] * 5
    wait_for(
        lambda: _one(database, "SELECT count(*) FROM core_outboxevent WHERE sent_at IS NULL") == 0,
        seconds=30,
        what="the outbox drained",
    )
    expected = {row[0] for row in database.execute("SELECT event_id::text FROM core_outboxevent").fetchall()}
    events = list(_published(running, len(expected)))
    assert {event["id"] for event in events} == expected
    for key in {event["partitionkey"] for event in events}:
        of_key = [e for e in events if e["partitionkey"] == key and e["type"].startswith("document")]
        assert [e["sequence"] for e in of_key] == sorted(e["sequence"] for e in of_key)


def test_a_file_that_cannot_be_parsed_fails_in_words_and_the_others_go_on(client: Client, tmp_path: Path) -> None:
    base = client.knowledge_base("Broken files")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer nothing")
    good = write_documents(tmp_path, count=1, sentences=3, seed=4)
    uploaded = [client.upload(base, path) for path in (broken, *good)]
    ended = {v["filename"]: v for v in client.wait([v["id"] for v in uploaded], seconds=60)}
    failed = ended["broken.pdf"]
    assert (failed["status"], failed["error_code"]) == ("failed", "damaged_file")
    assert failed["error"].endswith(".")
    assert ended[good[0].name]["status"] == "ready"


def _reached(database: Database, base: str, stage: str) -> int:
    """How many documents of a knowledge base have come at least that far."""
    order = ["uploaded", "parsed", "chunked", "embedded", "ready"]
    return _one(
        database,
        "SELECT count(*) FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id "
        "WHERE d.knowledge_base_id = %s AND v.status = ANY(%s)",
        base,
        order[order.index(stage) :],
    )


def _assert_no_chunk_twice(database: Database, base: str) -> None:
    chunks, places, vectors, counted = database.execute(
        "SELECT count(*), count(DISTINCT (c.version_id, c.ordinal)), count(e.chunk_id), "
        "(SELECT sum(v.chunk_count) FROM documents_documentversion v JOIN documents_document d ON d.id = v.document_id "
        " WHERE d.knowledge_base_id = %(base)s) "
        "FROM documents_chunk c JOIN documents_documentversion v ON v.id = c.version_id "
        "JOIN documents_document d ON d.id = v.document_id "
        "LEFT JOIN retrieval_embedding e ON e.chunk_id = c.id WHERE d.knowledge_base_id = %(base)s",
        {"base": base},
    ).fetchone() or (0, 0, 0, 0)
    assert chunks == places == vectors == counted > 0


def _assert_spans_stand(database: Database, base: str) -> None:
    wrong = _one(
        database,
        "SELECT count(*) FROM documents_chunk c JOIN documents_parsedtext p ON p.version_id = c.version_id "
        "JOIN documents_documentversion v ON v.id = c.version_id JOIN documents_document d ON d.id = v.document_id "
        'WHERE d.knowledge_base_id = %s AND substr(p.text, c.start + 1, c."end" - c.start) <> c.text',
        base,
    )
    assert wrong == 0


def _events(database: Database, base: str) -> dict[str, int]:
    rows = database.execute(
        "SELECT type, count(*) FROM core_outboxevent WHERE payload->>'knowledge_base_id' = %s GROUP BY type", [base]
    ).fetchall()
    return {str(name): int(count) for name, count in rows}


def _one(database: Database, statement: str, *parameters: object) -> int:
    row = database.execute(statement, parameters).fetchone()
    assert row is not None
    return int(row[0])


def _published(running: System, count: int) -> Iterator[dict[str, Any]]:
    """The first `count` different events on the broker, in the order of each partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": running.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": "test",
            "enable.auto.commit": False,
        }
    )
    topics = ("ragsite.document", "ragsite.vector", "ragsite.query")
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics for p in range(PARTITIONS)])
    seen: set[str] = set()

    def take() -> list[dict[str, Any]]:
        return [json.loads(m.value()) for m in consumer.consume(500, timeout=0.5) if m.error() is None]

    try:
        while len(seen) < count:
            for event in wait_for(take, seconds=20, what=f"{count - len(seen)} more events on the broker"):
                if event["id"] not in seen:
                    seen.add(event["id"])
                    yield event
    finally:
        consumer.close()
