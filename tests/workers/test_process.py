from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ragsite.stack.local import PROJECT_DIR

pytestmark = [pytest.mark.servers, pytest.mark.workers]


@pytest.mark.parametrize(
    ("queue", "pool", "wanted"),
    [("parsing", "threads", "prefork"), ("parsing", "solo", "prefork"), ("embedding", "prefork", "threads")],
)
def test_a_worker_refuses_a_pool_that_cannot_keep_its_queues_limits(queue: str, pool: str, wanted: str) -> None:
    command = [sys.executable, "-m", "celery", "-A", "workers.celery", "worker", "-Q", queue, "--pool", pool, "-c", "1"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=dict(os.environ), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"{queue} needs --pool={wanted}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_starts_from_the_procfiles_command_alone() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "celery", "-A", "workers.celery", "report"]
    done = subprocess.run(command, cwd=PROJECT_DIR, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
