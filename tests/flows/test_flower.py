"""Flower on a running system: workers, and tasks that ended, by names that can be read, also after it was started anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]

TEXT = "The customs house of Nordholm opens at nine."
ASKED = {
    "draw": 1,
    "start": 0,
    "length": 200,
    "order[0][column]": 0,
    "order[0][dir]": "desc",
    "columns[0][data]": "received",
}


def login(running: System) -> tuple[str, str]:
    name, _, password = running.environ["FLOWER_BASIC_AUTH"].partition(":")
    return name, password


def opened(running: System, path: str, **asked: Any) -> httpx.Response:
    return httpx.get(f"{running.flower_url}{path}", auth=login(running), params=asked or None, timeout=20)


def tasks(running: System) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = opened(running, "/tasks/datatable", **ASKED).json()["data"]
    return found


def ended(running: System, name: str) -> list[str]:
    return [one["uuid"] for one in tasks(running) if (one["name"], one["state"]) == (name, "SUCCESS")]


def is_up(running: System) -> bool:
    try:
        return httpx.get(f"{running.flower_url}/healthcheck", timeout=5).text == "OK"
    except httpx.TransportError:
        return False


def test_workers_and_a_task_that_ended_are_shown_and_are_known_after_it_was_started_anew(
    running: System, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "customs.txt"
    path.write_text(TEXT)
    base = client.create_knowledge_base("Houses that Flower shows").id
    (version,) = client.as_ended([client.upload(base, path)], seconds=120)
    assert version.status == "ready"
    client.ask("When does the customs house of Nordholm open?", knowledge_bases=[base])

    assert httpx.get(f"{running.flower_url}/tasks", timeout=20).status_code == 401
    page = wait_for(lambda: opened(running, "/workers").text, seconds=10, what="the page of workers")
    assert all(name in page for name in ("parsing@", "general@", "models@"))
    (task, *_) = wait_for(lambda: ended(running, "parse"), seconds=30, what="a task that ended")
    assert "parse" in opened(running, f"/task/{task}").text
    assert any(one["name"].startswith("sweep: Finds work") for one in tasks(running))
    everything = opened(running, "/tasks/datatable", **ASKED).text + opened(running, "/api/workers", refresh="1").text
    assert "customs house" not in everything

    before = running.supervisor.pid("flower")
    os.kill(before, signal.SIGTERM)
    wait_for(
        lambda: running.supervisor.pid("flower") not in (0, before) and is_up(running), seconds=60, what="Flower again"
    )
    assert task in ended(running, "parse")


def test_it_only_shows(running: System) -> None:
    """What is done is done in the admin, by rights, and stands in the audit log."""
    answer = httpx.post(
        f"{running.flower_url}/api/task/async-apply/ragsite.sweep", auth=login(running), json={"args": []}, timeout=20
    )
    assert answer.status_code in (401, 403, 404, 405)
