"""An evaluation run through the whole system, while its worker is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.flows.texts import write_documents
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]
Database = psycopg.Connection[tuple[Any, ...]]
QUESTIONS = 400


@pytest.fixture
def http(running: System) -> httpx.Client:
    key = running.manage("apikey", "evaluation").strip()
    return httpx.Client(base_url=f"{running.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60)


def test_a_run_goes_on_where_it_stood_when_its_worker_is_killed(
    running: System, client: Client, http: httpx.Client, database: Database, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Evaluated").id
    documents = [client.upload(base, path) for path in write_documents(tmp_path, count=6, sentences=8, seed=9)]
    assert Counter(version.status for version in client.as_ended(documents, seconds=90)) == {"ready": 6}
    made = http.post("/evaluation-sets/", json={"knowledge_base": base, "name": "Set"}).json()["id"]
    rows = [f"What does document {number} say?,{documents[number % 6].document}" for number in range(QUESTIONS)]
    table = "\n".join(["question,document", *rows])
    imported = http.post(f"/evaluation-sets/{made}/import/", files={"csv": ("set.csv", table)})
    assert imported.json()["questions"] == QUESTIONS

    before = running.supervisor.restarts("models")
    run = http.post("/evaluation-runs/", json={"evaluation_set": made}).json()["id"]
    wait_for(lambda: 1 <= _measured(database, run) < QUESTIONS, seconds=60, what="some questions measured")
    os.kill(running.supervisor.pid("models"), signal.SIGKILL)
    found = wait_for(lambda: _ended(http, run), seconds=150, what="the run ended", every=0.5)

    assert (found["state"], found["metrics"]["queries"], found["error"]) == ("done", QUESTIONS, "")
    assert _measured(database, run) == QUESTIONS
    assert running.supervisor.restarts("models") > before


def _measured(database: Database, run: str) -> int:
    (row,) = database.execute("SELECT count(*) FROM retrieval_evaluationresult WHERE run_id = %s", [run]).fetchall()
    return int(row[0])


def _ended(http: httpx.Client, run: str) -> dict[str, Any] | None:
    found: dict[str, Any] = http.get(f"/evaluation-runs/{run}/").json()
    return found if found["state"] in ("done", "failed") else None
