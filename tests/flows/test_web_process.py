"""What the web process may not import, seen on a running one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from ragsite_client import Client

from ragsite.stack import ports
from ragsite.stack.system import System
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers]
BARRED = {"torch", "transformers", "docling", "llama_index", "nltk"}


def test_the_web_process_imports_no_model_or_parser_library(running: System, tmp_path: Path) -> None:
    """Python itself writes down every import of the process while it serves each kind of request."""
    log, port = tmp_path / "imports", ports.find_free()
    command = [sys.executable, "-X", "importtime", "-m", "uvicorn", "ragsite.asgi:application", "--port", str(port)]
    command += ["--http", "ragsite.asgi:Protocol"]
    with log.open("w") as stderr:
        process = subprocess.Popen([*command, "--lifespan", "off"], env=running.environ, stderr=stderr)
    try:
        _use(f"http://127.0.0.1:{port}", running, tmp_path)
    finally:
        process.terminate()
        process.wait(30)
    imported = {
        line.rpartition("|")[2].strip() for line in log.read_text().splitlines() if line.startswith("import time:")
    }
    assert {"django", "ninja.main", "apps.retrieval.pipeline", "apps.documents.intake.uploads"} <= imported
    assert {name.partition(".")[0] for name in imported} & BARRED == set()


def _use(url: str, running: System, folder: Path) -> None:
    wait_for(lambda: _answers(f"{url}/health/ready"), seconds=30, what="the web process ready")
    client = Client(url, running.manage("apikey", "imports"), retries=0)
    base = client.create_knowledge_base("Imports").id
    path = folder / "note.md"
    path.write_text("# Note\n\nThe lighthouse keeper changes the lamp every second Monday.\n")
    upload = client.upload(base, path)
    assert [version.status for version in client.as_ended([upload], seconds=150)] == ["ready"]
    answer = client.ask("When does the lighthouse keeper change the lamp?", knowledge_bases=[base])
    assert answer.citations[0].quote == "The lighthouse keeper changes the lamp every second Monday."
    for page in ("/api/docs", "/api/openapi.json", "/admin/login/", "/metrics"):
        assert httpx.get(url + page).status_code == httpx.codes.OK


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
