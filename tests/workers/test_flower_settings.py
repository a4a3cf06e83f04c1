from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.ports import find_free
from ragsite.stack.supervisor import procfile
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers]

LOGIN = ("operator", "flower-password-1")


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Flower as the Procfile starts it, with its login in a file as Compose gives it; its address."""
    login = tmp_path_factory.mktemp("flower") / "login"
    login.write_text(f"{':'.join(LOGIN)}\n")
    environ = {**os.environ, "RAGSITE_FLOWER_PORT": str(find_free()), "RAGSITE_WEB_PORT": "0"}
    environ |= {"FLOWER_BASIC_AUTH_FILE": str(login)}
    program, *arguments = procfile(PROJECT_DIR / "Procfile", environ)["flower"]
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    process = subprocess.Popen(command, cwd=PROJECT_DIR, env=environ)
    home = f"http://127.0.0.1:{environ['RAGSITE_FLOWER_PORT']}"
    try:
        wait_for(lambda: answers(home), seconds=60, what="Flower answers")
        yield home
    finally:
        process.kill()
        process.wait()


def answers(home: str) -> bool:
    try:
        return httpx.get(f"{home}/healthcheck").text == "OK"
    except httpx.TransportError:
        return False


@pytest.mark.parametrize(
    "path", ["/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers", "/api/queues/length"]
)
def test_flower_shows_nothing_without_its_login(flower: str, path: str) -> None:
    assert httpx.get(flower + path).status_code == 401
    assert httpx.get(flower + path, auth=("operator", "another")).status_code == 401


def test_its_metrics_are_there_for_who_has_the_login(flower: str) -> None:
    told = httpx.get(f"{flower}/metrics", auth=LOGIN)
    assert told.status_code == 200
    assert "flower_" in told.text
