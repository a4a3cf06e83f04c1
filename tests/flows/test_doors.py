"""Ways in through the whole system: the command line, and requests that are repeated while the web process is killed."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
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

RECORD = "SELECT status FROM gateway_idempotencyrecord WHERE key = %s"
EFFECTS = """
    SELECT count(*), count(DISTINCT version.id) FROM documents_document document
    JOIN documents_documentversion version ON version.document_id = document.id WHERE document.external_id = %s
"""


def test_a_folder_given_on_the_command_line_is_ready_when_the_command_ends(
    running: System, client: Client, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Command line").id
    write_documents(tmp_path, count=5, sentences=10, seed=11)
    command = ("ingest", str(tmp_path), "--knowledge-base", base, "--wait", "--json")
    told = json.loads(running.manage(*command).splitlines()[-1])
    assert (told["counts"]["created"], told["counts"]["ready"], told["failures"]) == (5, 5, [])
    again = json.loads(running.manage(*command, "--resume").splitlines()[-1])
    assert (again["counts"]["unchanged"], again["counts"]["ready"]) == (5, 5)


def test_uploads_under_a_key_take_effect_once_though_the_web_process_is_killed_on_the_way(
    running: System, client: Client, database: Database, tmp_path: Path
) -> None:
    base = client.create_knowledge_base("Killed web process").id
    headers = {"Authorization": f"Bearer {running.manage('apikey', 'doors').strip()}"}

    def send(path: Path) -> httpx.Response | None:
        with path.open("rb") as file:
            fields = {"knowledge_base": base, "external_id": path.name}
            try:
                return httpx.post(
                    f"{running.url}/api/v1/documents/", data=fields, files={"file": (path.name, file)},
                    headers={**headers, "Idempotency-Key": path.name}, timeout=30,
                )  # fmt: skip
            except httpx.TransportError:
                return None

    def answered(path: Path) -> httpx.Response | None:
        response = send(path)
        return response if response is not None and response.is_success else None

    with ThreadPoolExecutor(1) as pool:
        for path in write_documents(tmp_path, count=2, sentences=2_000, seed=12):
            first = pool.submit(send, path)
            wait_for(
                lambda path=path: database.execute(RECORD, [path.name]).fetchone(),
                seconds=30,
                what="a record",
                every=0.001,
            )
            os.kill(running.supervisor.pid("web"), signal.SIGKILL)
            first.result(60)
            final = wait_for(lambda path=path: answered(path), seconds=90, what="an answer", every=0.2)
            repeated = send(path)
            assert repeated is not None
            assert (repeated.content, repeated.headers["Idempotency-Replayed"]) == (final.content, "true")
            assert database.execute(EFFECTS, [path.name]).fetchone() == (1, 1)
