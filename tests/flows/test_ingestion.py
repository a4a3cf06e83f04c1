"""Documents through the whole system, while parts of it stop."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.flows import checks
from tests.flows.chaos import lose_redis
from tests.flows.checks import Database
from tests.flows.texts import write_documents, write_mixed_documents
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]


@pytest.mark.timeout(420)
def test_workers_that_are_stopped_in_turn_finish_what_they_hold_and_lose_nothing(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Rolling restart", chunking={"size": 32, "overlap": 4}).id
    for path in write_mixed_documents(tmp_path, count=120, seed=1):
        client.upload(base, path)
    told = len(running.supervisor.events)
    wait_for(lambda: checks.statuses(database, base).get("ready"), seconds=60, what="the first document ready")
    for name in ("models", "general", "parsing"):
        stopped = running.supervisor.pid(name)
        os.kill(stopped, signal.SIGTERM)
        wait_for(lambda pid=stopped: not psutil.pid_exists(pid), seconds=30, what=f"the end of {name}")
        wait_for(lambda name=name: running.supervisor.pid(name), seconds=60, what=f"{name} up again")
    checks.await_statuses(database, base, {"ready": 120}, seconds=150)

    assert max(checks.most_attempts(database, base).values()) == 1, "work was cut off"
    assert [event for event in running.supervisor.events[told:] if "(exit code 0)" not in event] == []
    checks.assert_no_chunk_twice(database, base)
    checks.assert_spans_stand(database, base)


def test_everything_ends_ready_when_redis_is_restarted_with_work_in_flight_and_loses_all_messages(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    before = {name: running.supervisor.restarts(name) for name in ("parsing", "general", "models")}
    base = client.create_knowledge_base("Lost messages").id
    uploaded = [client.upload(base, path) for path in write_documents(tmp_path, count=12, sentences=40, seed=2)]
    lose_redis(running)
    ended = list(client.as_ended(uploaded, seconds=90))

    assert Counter(version.status for version in ended) == {"ready": 12}
    checks.assert_no_chunk_twice(database, base)
    after = {name: running.supervisor.restarts(name) for name in before}
    assert after == before, "a worker ended when Redis went away"


def test_every_event_reaches_the_broker_in_order_per_document(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Events").id
    uploaded = [client.upload(base, path) for path in write_documents(tmp_path, count=5, sentences=3, seed=3)]
    assert [version.status for version in client.as_ended(uploaded, seconds=60)] == ["ready"] * 5
    checks.assert_published(running, database)


def test_a_file_that_cannot_be_parsed_fails_in_words_and_the_others_go_on(client: Client, tmp_path: Path) -> None:
    base = client.create_knowledge_base("Broken files").id
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer nothing")
    good = write_documents(tmp_path, count=1, sentences=3, seed=4)
    uploaded = [client.upload(base, path) for path in (broken, *good)]
    ended = {version.filename: version for version in client.as_ended(uploaded, seconds=60)}
    failed = ended["broken.pdf"]
    assert (failed.status, failed.error_code) == ("failed", "damaged_file")
    assert failed.error.endswith(".")
    assert ended[good[0].name].status == "ready"
