from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragsite.stack.local import PROJECT_DIR
from tests.servers import own_folder

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]


GIVEN = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")


@pytest.fixture
def demo() -> Iterator[subprocess.Popen[str]]:
    """A demonstration under way, in a folder of its own."""
    environ = {name: value for name, value in os.environ.items() if name not in GIVEN}
    with own_folder() as folder:
        environ |= {"RAGSITE_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=PROJECT_DIR,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process
        assert _left(folder) == []
        assert not list(folder.glob("demo-*"))


def test_the_demonstration_answers_from_the_right_documents_and_leaves_nothing_running(
    demo: subprocess.Popen[str],
) -> None:
    said, errors = demo.communicate(timeout=200)
    assert demo.returncode == 0, errors
    result = json.loads(said.splitlines()[-1])
    assert result["documents"] == 5
    assert result["chunks"] > result["documents"]
    questions = json.loads((PROJECT_DIR / "samples" / "questions.json").read_text())
    for answer, expected in zip(result["answers"], questions, strict=False):
        assert answer["citations"][0]["document"] == expected["document"]
        assert expected["answer_contains"] in answer["answer"]


def test_a_demonstration_that_is_ended_leaves_nothing_running(demo: subprocess.Popen[str]) -> None:
    assert demo.stdout is not None
    while not demo.stdout.readline().startswith("database: "):
        assert demo.poll() is None
    demo.send_signal(signal.SIGTERM)
    said, errors = demo.communicate(timeout=100)
    assert demo.returncode == 128 + signal.SIGTERM
    assert "stopping postgresql" in said
    assert errors == "stopped before it was done\n"


def _left(folder: Path) -> list[str]:
    """The commands of the folder's servers, which have it in their command, and of its system, in their environment."""
    return [command for process in Path("/proc").iterdir() if (command := _command(process, folder))]


def _command(process: Path, folder: Path) -> str:
    try:
        command, environ = ((process / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ"))
    except OSError:
        return ""
    return command.replace("\0", " ") if str(folder) in command + environ else ""
