"""The tutorial, as somebody goes through it: every block runs, and prints what stands below it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.system import System

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

ADDRESS = "http://127.0.0.1:8000"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STARTED = ["make up\n", ".venv/bin/python\n"]
"""What the shell is told: the running system is what the first starts, and the blocks are run by what the second starts."""


def test_every_block_of_the_tutorial_runs_and_prints_what_stands_below_it(running: System) -> None:
    blocks = BLOCK.findall((PROJECT_DIR / "docs" / "tutorial.md").read_text())
    assert [text for kind, text in blocks if kind == "sh"] == STARTED
    steps = [text for kind, text in blocks if kind == "python"]
    told = [text for kind, text in blocks if kind == "text"]
    assert len(steps) == len(told) > 5
    assert {kind for kind, _ in blocks} == {"sh", "python", "text"}
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input="\n".join(_pasted(step) for step in steps).replace(ADDRESS, running.url),
        cwd=PROJECT_DIR, env={**os.environ, **running.environ, "PYTHONPATH": ""}, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout == "".join(told)


def _pasted(step: str) -> str:
    """The block, as a shell of Python takes it: an empty line ends what is indented."""
    return f"{step}\n"
