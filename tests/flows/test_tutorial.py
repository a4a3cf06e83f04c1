"""What the manual has people run: each block of the tutorial prints what stands below it, and the consumer is told of events."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from ragsite_client import Client

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.system import System

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

ADDRESS = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STARTED = ["make up\n", ".venv/bin/python\n"]
"""What the shell is told: the running system is what the first starts, and the blocks are run by what the second starts."""


def test_every_block_of_the_tutorial_runs_and_prints_what_stands_below_it(running: System) -> None:
    blocks = _blocks("tutorial.md")
    assert [text for kind, text in blocks if kind == "sh"] == STARTED
    steps = [text for kind, text in blocks if kind == "python"]
    told = [text for kind, text in blocks if kind == "text"]
    assert len(steps) == len(told) == len(blocks) / 2 - 1 > 5
    typed = "\n".join(f"{step}\n" for step in steps).replace(ADDRESS, running.url)
    done = _python("-i", "-q", running=running, typed=typed)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == "".join(told)


def test_the_consumer_of_the_manual_is_told_of_a_document_in_order(running: System, client: Client) -> None:
    (program,) = (text for kind, text in _blocks("how-to/kafka-consumer.md") if kind == "python")
    upload = client.upload(client.create_knowledge_base("Followed").id, ("note.txt", b"The ferry leaves at noon."))
    client.wait_until_ready(upload)
    client.change_document(upload.document, title="Ferries")
    program += f"""
def tell(kind, data):
    if data.get("document_id") == {upload.document!r}:
        print(kind, flush=True)
        return kind == "document.updated"
follow(tell)
"""
    done = _python("-c", program, running=running)
    assert done.returncode == 0, done.stderr
    assert [kind for kind in done.stdout.split() if kind.startswith("document.")] == [
        "document.created",
        "document.updated",
    ]


def _blocks(page: str) -> list[tuple[str, str]]:
    """Kind and text of each block between fences."""
    return BLOCK.findall((PROJECT_DIR / "docs" / page).read_text())


def _python(*arguments: str, running: System, typed: str = "") -> subprocess.CompletedProcess[str]:
    """What is typed into a shell of Python, or a program, run where the system's addresses are known."""
    return subprocess.run(
        [sys.executable, *arguments], input=typed, cwd=PROJECT_DIR, env={**os.environ, **running.environ},
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
