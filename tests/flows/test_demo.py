from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ragsite.stack.local import PROJECT_DIR
from tests.servers import own_folder

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]


def test_the_demonstration_answers_from_the_right_documents_and_leaves_nothing_running() -> None:
    given = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "RAGSITE_MODEL_TRANSPORT")
    environ = {name: value for name, value in os.environ.items() if name not in given}
    with own_folder() as folder:
        environ["RAGSITE_DATA_DIR"] = str(folder)
        done = subprocess.run(
            [sys.executable, "manage.py", "demo"],
            cwd=PROJECT_DIR,
            env=environ,
            capture_output=True,
            text=True,
            timeout=200,
        )
        left = [process for process in Path("/proc").iterdir() if _belongs(process, folder)]
    assert left == []
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["documents"] == 5
    assert result["chunks"] > result["documents"]
    questions = json.loads((PROJECT_DIR / "samples" / "questions.json").read_text())
    for answer, expected in zip(result["answers"], questions, strict=False):
        assert answer["citations"][0]["document"] == expected["document"]
        assert expected["answer_contains"] in answer["answer"]


def _belongs(process: Path, folder: Path) -> bool:
    try:
        return str(folder).encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False
