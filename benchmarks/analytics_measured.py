"""The measuring half of benchmarks.analytics: imported once Django is set up."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from apps.monitoring.analytics.asking import AskingStore
from apps.monitoring.analytics.store import AnalyticsUnavailableError
from apps.retrieval.events import CitedSpan, GenerationCompleted, QueryProcessed, RetrievalCompleted
from benchmarks.place import PROJECT
from ragsite.core.events import Event
from ragsite.core.ids import new_id

TENANT, BASE = UUID(int=1), UUID(int=2)
STEPS = {"embed": 5.0, "dense": 3.0, "lexical": 4.0, "generate": 900.0}
TOPICS = ("ragsite.query", "ragsite.retrieval", "ragsite.generation")
PATIENCE_SECONDS = 600.0
SETTLED_SECONDS = 120.0
MEMBER_SECONDS = 2.0
LONGEST_LIFE_SECONDS = 0.3
"""After the first table has rows of a batch, until the consumer is killed."""


def measure(options: argparse.Namespace, place: Path) -> dict[str, Any]:
    admin = AdminClient({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]})
    for future in admin.create_topics([NewTopic(topic, num_partitions=6) for topic in TOPICS]).values():
        future.result()
    store = AskingStore(place / "analytics")
    figures = _undisturbed(store, options.questions)
    figures |= _killed(store, options.questions, options.kills)
    return figures | _shared(store, options.questions, options.kills)


def _undisturbed(store: AskingStore, questions: int) -> dict[str, Any]:
    _produce(questions)
    with _consumer() as process:
        first = _waited(store, 1)
        before = sum(process.cpu_times()[:2])
        counted = _counted(store)["questions"]
        last = _waited(store, questions)
        events = 3 * (questions - counted)
        took = sum(process.cpu_times()[:2]) - before
    if not events:
        return {"events_per_second": None}
    return {
        "events_per_second": round(events / (last - first)),
        "sink_microseconds_per_event": round(1e6 * took / events),
        "events_per_second_at_a_tenth": round(0.1 * events / took),
    }


def _killed(store: AskingStore, questions: int, kills: int) -> dict[str, Any]:
    """The topic grows by a share of the questions before each kill."""
    total, random_ = questions, random.Random(7)
    for _ in range(kills):
        share = max(1, questions // max(1, kills))
        _produce(share)
        total += share
        with _consumer() as process:
            _until(store, _QUESTIONS, more_than=_known(store))
            time.sleep(random_.uniform(0, LONGEST_LIFE_SECONDS))
            process.kill()
    with _consumer():
        missing, double = _settled(store, total)
    return {"kills": kills, "missing": missing, "double": double}


def _shared(store: AskingStore, questions: int, kills: int) -> dict[str, Any]:
    """Two members of one group, of which the older is killed every two seconds, and another one comes in its place."""
    with _consumer():
        total = _known(store)
    with contextlib.ExitStack() as stack:
        members = [stack.enter_context(_consumer()) for _ in range(2)]
        for _ in range(kills):
            share = max(1, questions // max(1, kills))
            _produce(share)
            total += share
            time.sleep(MEMBER_SECONDS)
            members.pop(0).kill()
            members.append(stack.enter_context(_consumer()))
        begun = time.monotonic()
        missing, double = _settled(store, total)
        took = time.monotonic() - begun
    return {"shared_missing": missing, "shared_double": double, "shared_seconds": round(took, 1)}


def _settled(store: AskingStore, total: int) -> tuple[int, int]:
    """How many rows are missing, and how many too many, once nothing more comes."""
    wanted = {"questions": total, "generations": total, "citations": total, "steps": len(STEPS) * total, "cited": total}
    # The first table may have all of them from a consumer that was killed before it came to the others.
    until = time.monotonic() + SETTLED_SECONDS
    _waited(store, total)
    while (found := _counted(store)) != wanted and time.monotonic() < until:
        time.sleep(0.2)
    missing = sum(max(0, wanted[name] - number) for name, number in found.items())
    return missing, sum(max(0, number - wanted[name]) for name, number in found.items())


@contextmanager
def _consumer() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "manage.py", "consume_events"], cwd=PROJECT) as popen:
        yield psutil.Process(popen.pid)
        popen.terminate()


def _known(store: AskingStore) -> int:
    """How many questions are there before the consumer has read any."""
    return _until(store, _QUESTIONS, more_than=-1)


def _waited(store: AskingStore, questions: int) -> float:
    """The moment at which so many are there."""
    _until(store, _QUESTIONS, more_than=questions - 1)
    return time.monotonic()


def _until(store: AskingStore, sql: str, *, more_than: int) -> int:
    """The number that a query gives, once it is more than that."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            (row,) = store.rows(sql, {})
        except AnalyticsUnavailableError:
            time.sleep(0.05)
            continue
        if int(row["number"]) > more_than:
            return int(row["number"])
        time.sleep(0.01)
    raise TimeoutError(f"not more than {more_than}")


def _counted(store: AskingStore) -> dict[str, int]:
    (row,) = store.rows(_COUNTED, {})
    return {name: int(number) for name, number in row.items()}


def _produce(questions: int) -> None:
    producer = Producer(
        {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"], "queue.buffering.max.messages": 1_000_000}
    )
    for number in range(questions):
        for event in _events():
            producer.produce(event.topic, _envelope(event), str(event.key))
        if number % 2_000 == 0:
            producer.flush()
    producer.flush()


def _events() -> list[Event]:
    """A question that found an answer, with one citation."""
    about = {"tenant_id": TENANT, "query_id": new_id()}
    document = UUID(int=random.randrange(1, 10_000))
    cited = CitedSpan(knowledge_base_id=BASE, document_id=document, version_id=document, start=0, end=90)
    return [
        QueryProcessed(
            **about, found=True, generator="local", passages=10, citations=1, milliseconds=STEPS, degraded=(),
        ),
        RetrievalCompleted(
            **about, knowledge_bases=(BASE,), mode="hybrid", passages=10, candidates={"dense": 50, "lexical": 50},
            best_score=0.5, milliseconds=STEPS,
        ),
        GenerationCompleted(
            **about, answer_id=new_id(), knowledge_bases=(BASE,), found=True, generator="local", model="small", prompt="answer-1",
            tokens_read=2000, tokens_written=80, statements=3, supported=2, cited=(cited,), from_cache=False,
        ),
    ]  # fmt: skip


def _envelope(event: Event) -> bytes:
    said = {
        "id": str(new_id()), "source": "/ragsite", "specversion": "1.0", "type": event.name, "subject": str(event.key),
        "time": datetime.now(UTC).isoformat(), "tenant": str(event.tenant_id), "sequence": f"{1:020d}", "data": event.payload(),
    }  # fmt: skip
    return json.dumps(said).encode()


_COUNTED = """
    SELECT (SELECT count() FROM queries FINAL) AS questions, (SELECT count() FROM generations FINAL) AS generations,
           (SELECT count() FROM citations FINAL) AS citations, (SELECT count() FROM query_steps FINAL) AS steps,
           (SELECT uniqExactMerge(queries) FROM passages_cited) AS cited
"""

_QUESTIONS = "SELECT count() AS number FROM queries FINAL"
