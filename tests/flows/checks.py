"""What must hold of a knowledge base whatever happened on the way, seen in the database and on the broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.parsing.types import ParsedDocument, sections_from_list
from apps.models.engine.tokenizer import ModelTokenizer
from apps.models.services.registry import bundled_model_path
from ragsite.core.events import schema_uri, topics
from ragsite.stack.system import System
from tests.events import assert_fits
from tests.waiting import wait_for
from workers.relay_sending import PARTITIONS

Database = psycopg.Connection[tuple[Any, ...]]

SAMPLES = frozenset({"service.health", "performance.metrics", "error.occurred"})
_OF_BASE = "JOIN documents_document d ON d.id = v.document_id AND d.knowledge_base_id = %(base)s"


def rows(database: Database, statement: str, base: str) -> list[tuple[Any, ...]]:
    """The rows of a statement about the versions `v` of a knowledge base; `{of_base}` stands for the join to it."""
    return database.execute(statement.replace("{of_base}", _OF_BASE), {"base": base}).fetchall()


def statuses(database: Database, base: str) -> dict[str, int]:
    """How many versions of a knowledge base are in each status."""
    return dict(rows(database, "SELECT status, count(*) FROM documents_documentversion v {of_base} GROUP BY 1", base))


def await_statuses(database: Database, base: str, wanted: dict[str, int], *, seconds: float) -> None:
    """Wait until so many versions of a knowledge base are in these statuses. Asks the API nothing: the load is elsewhere."""
    wait_for(lambda: statuses(database, base) == wanted, seconds=seconds, what=f"versions {wanted}", every=0.2)


def assert_no_chunk_twice(database: Database, base: str) -> None:
    """As many chunks as counted, each at a place of its own and with one vector; no vector is without its chunk."""
    ((chunks, places, vectors, counted),) = rows(
        database,
        "SELECT count(DISTINCT c.id), count(DISTINCT (c.version_id, c.ordinal)), count(e.chunk_id), "
        "(SELECT sum(v.chunk_count) FROM documents_documentversion v {of_base}) "
        "FROM documents_chunk c JOIN documents_documentversion v ON v.id = c.version_id {of_base} "
        "LEFT JOIN retrieval_embedding e ON e.chunk_id = c.id",
        base,
    )
    assert chunks == places == vectors == counted > 0
    orphans = database.execute(
        "SELECT count(*) FROM retrieval_embedding e WHERE NOT EXISTS (SELECT FROM documents_chunk c WHERE c.id = e.chunk_id)"
    ).fetchone()
    assert orphans == (0,)


def assert_spans_stand(database: Database, base: str) -> None:
    """Every chunk is the text at its span."""
    wrong = rows(
        database,
        "SELECT c.id FROM documents_chunk c JOIN documents_parsedtext p ON p.version_id = c.version_id "
        "JOIN documents_documentversion v ON v.id = c.version_id {of_base} "
        'WHERE substr(p.text, c.start + 1, c."end" - c.start) <> c.text',
        base,
    )
    assert wrong == []


def assert_chunked_as_if_undisturbed(database: Database, base: str) -> int:
    """Each version's spans are those that its parsed text gives when it is chunked again; how many there are."""
    path = bundled_model_path()
    assert path is not None
    tokenizer = ModelTokenizer(path)
    ((chunking,),) = database.execute(
        "SELECT chunking FROM retrieval_indexgeneration WHERE knowledge_base_id = %s", [base]
    ).fetchall()
    settings = ChunkingSettings.from_dict(chunking)
    expected = {
        (version, ordinal, span.start, span.end)
        for version, text, sections in rows(
            database,
            "SELECT v.id, p.text, p.sections FROM documents_parsedtext p "
            "JOIN documents_documentversion v ON v.id = p.version_id {of_base}",
            base,
        )
        for ordinal, span in enumerate(
            chunk(ParsedDocument(text=text, sections=sections_from_list(sections)), settings, tokenizer)
        )
    }
    found = rows(
        database,
        'SELECT v.id, c.ordinal, c.start, c."end" FROM documents_chunk c '
        "JOIN documents_documentversion v ON v.id = c.version_id {of_base}",
        base,
    )
    assert Counter(found) == Counter(expected)
    return len(found)


def events_of(database: Database, base: str) -> dict[str, set[str]]:
    """The ids of a knowledge base's events in the outbox, by type."""
    found: dict[str, set[str]] = {}
    for kind, event_id in database.execute(
        "SELECT type, event_id::text FROM core_outboxevent WHERE payload->>'knowledge_base_id' = %s", [base]
    ):
        found.setdefault(str(kind), set()).add(str(event_id))
    return found


def await_outbox_sent(database: Database, *, seconds: float) -> None:
    """Wait until the relay has published every event."""
    unsent = "SELECT NOT EXISTS (SELECT FROM core_outboxevent WHERE sent_at IS NULL)"
    wait_for(lambda: database.execute(unsent).fetchone() == (True,), seconds=seconds, what="the outbox drained")


def assert_published(running: System, database: Database) -> list[dict[str, Any]]:
    """Every event of the outbox is on the broker under its id and nothing else is, in order per document; the events."""
    await_outbox_sent(database, seconds=60)
    expected = {str(row[0]) for row in database.execute("SELECT event_id::text FROM core_outboxevent")}
    events = list(published(running, len(expected)))
    assert {event["id"] for event in events} == expected
    for event in events:
        assert event["dataschema"] == schema_uri(event["type"])
        assert_fits(event["type"], event["data"])
    by_key: dict[str, list[str]] = {}
    for event in events:
        if event["type"].startswith("document"):
            by_key.setdefault(event["partitionkey"], []).append(event["sequence"])
    assert [sequence for sequence in by_key.values() if sequence != sorted(sequence)] == []
    return events


def published(running: System, count: int) -> Iterator[dict[str, Any]]:
    """The first `count` different events of the outbox on the broker, in the order of each partition."""
    settings = {"group.id": "test", "enable.auto.commit": False}
    consumer = Consumer({"bootstrap.servers": running.environ["KAFKA_BOOTSTRAP_SERVERS"], **settings})
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics() for p in range(PARTITIONS)])
    seen: set[str] = set()

    def take() -> list[dict[str, Any]]:
        came = [json.loads(m.value()) for m in consumer.consume(500, timeout=0.5) if m.error() is None]
        return [one for one in came if not is_sample(one)]

    try:
        while len(seen) < count:
            for event in wait_for(take, seconds=20, what=f"{count - len(seen)} more events on the broker"):
                if event["id"] not in seen:
                    seen.add(event["id"])
                    yield event
    finally:
        consumer.close()


def published_of(running: System, trace: str, kinds: set[str]) -> list[dict[str, Any]]:
    """The events of a trace on the broker, each once, when all of these types are among them. A broker that was killed before has
    lost what came earlier.
    """
    found: dict[str, dict[str, Any]] = {}
    consumer = Consumer({"bootstrap.servers": running.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": "of a trace"})
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t in topics() for p in range(PARTITIONS)])

    def all_there() -> bool:
        came = [json.loads(m.value()) for m in consumer.consume(500, timeout=0.5) if m.error() is None]
        ours = (one for one in came if one.get("traceparent", "").split("-")[1:2] == [trace])
        found.update({one["id"]: one for one in ours if not is_sample(one)})
        return kinds <= {one["type"] for one in found.values()}

    try:
        wait_for(all_there, seconds=60, what="all events of the trace")
        all_there()
    except AssertionError:
        missing = kinds - {one["type"] for one in found.values()}
        raise AssertionError(f"not on the broker in this trace: {', '.join(sorted(missing))}") from None
    finally:
        consumer.close()
    return list(found.values())


def is_sample(event: dict[str, Any]) -> bool:
    """Whether it came by the stream of samples, and stands in no outbox."""
    return event["type"] in SAMPLES or event["data"].get("for_answer") is False


def most_attempts(database: Database, base: str) -> dict[str, int]:
    """The most starts that a stage needed for any version of a knowledge base, by stage."""
    return dict(
        rows(
            database,
            "SELECT s.stage, max(s.attempts) FROM documents_stagerecord s "
            "JOIN documents_documentversion v ON v.id = s.version_id {of_base} GROUP BY 1",
            base,
        )
    )
