"""The lines of the README, as somebody types them who sees ragsite for the first time."""

from __future__ import annotations

import json
import subprocess

import pytest

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.system import System

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

ADDRESS = "http://127.0.0.1:8000"


def test_the_lines_of_the_readme_lead_to_an_answer_one_after_another(running: System) -> None:
    _, _, after = (PROJECT_DIR / "README.md").read_text().partition("use the API from a second shell")
    block, _, _ = after.partition("\n    API=")[2].partition("\n\nAn upload answers")
    lines = f"API={block}".replace("\n    ", "\n")
    assert lines.count(ADDRESS) == 1
    done = subprocess.run(
        ["bash", "-eu", "-c", lines.replace(ADDRESS, running.url)],
        cwd=PROJECT_DIR, env=running.environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["found"], answer["indexing"]) == (True, None)
    assert answer["citations"][0]["title"] == "visitor-handbook.md"
