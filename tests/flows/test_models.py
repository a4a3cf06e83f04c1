"""A model's life through the doors of a whole system: from the hub to its removal, and its worker killed on the way."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from ragsite_client import Client

from ragsite.stack.system import System
from tests.apps.models.conftest import checkpoint_make
from tests.apps.models.hub import Fault, Hub
from tests.apps.models.pulling import COMMIT, NAME
from tests.flows.chaos import processes
from tests.waiting import wait_for

pytestmark = [pytest.mark.servers, pytest.mark.workers, pytest.mark.weights]
NEXT = COMMIT[::-1]
OTHER = "acme/other"
PATIENCE = 60.0
LONGEST_SECONDS = 20.0
"""A search has ten seconds, and then words; who waits for so long was forgotten."""

TEXTS = ("The harbour has 42 berths for guests.", "A berth costs 31 euros a night.", "The office opens at seven.")
QUESTION = "How many berths has the harbour?"


@dataclass(slots=True)
class Calls:
    """What came of searches: by status how many, how many had to do without the model, and what went wrong."""

    statuses: Counter[int] = field(default_factory=Counter)
    degraded: int = 0
    empty: int = 0
    errors: list[str] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code == httpx.codes.OK:
            self.degraded += bool(answer.json()["degraded"])
            self.empty += not answer.json()["passages"]


@pytest.fixture(scope="module")
def http(running: System) -> Iterator[httpx.Client]:
    """Who may do everything that this story does."""
    key = running.manage("apikey", "models", "--permissions", "read", "write", "query", "models:manage").strip()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{running.url}/api/v1", headers=headers, timeout=LONGEST_SECONDS) as made:
        yield made


@pytest.fixture
def usual(http: httpx.Client) -> Iterator[str]:
    """The default embedding model's version, which is the default again afterwards."""
    models = http.get("/models/", params={"kind": "embedding"}).json()["results"]
    (default,) = (one for one in models if one["is_default"])
    (version,) = (one["id"] for one in default["versions"] if one["status"] == "active")
    yield version
    assert http.post(f"/model-versions/{version}/default/").is_success


def search(http: httpx.Client, base: str) -> httpx.Response:
    return http.post("/search", json={"query": QUESTION, "knowledge_bases": [base]})


@contextmanager
def searching(http: httpx.Client, base: str) -> Iterator[Calls]:
    """Three callers who search again and again beside the block."""
    calls, stop = Calls(), threading.Event()

    def call() -> None:
        while not stop.is_set():
            try:
                calls.note(search(http, base))
            except httpx.HTTPError as error:
                calls.errors.append(repr(error))

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield calls
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def ended(http: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The task that an answer names, once it has ended."""
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    where = answer.headers["Location"].removeprefix("/api/v1")
    states = ("open", "cancelling")
    wait_for(lambda: http.get(where).json()["state"] not in states, seconds=PATIENCE, what="the task has ended")
    task: dict[str, Any] = http.get(where).json()
    assert (task["state"], task["error"]) == ("done", "")
    return task


def pulled(http: httpx.Client, commit: str) -> str:
    task = ended(http, http.post("/models/", json={"source": NAME, "revision": commit}))
    ended(http, http.post(f"/model-versions/{task['version']}/verify/"))
    return str(task["version"])


def filled(client: Client, name: str, folder: Path) -> str:
    """A knowledge base whose three documents are ready."""
    base = client.create_knowledge_base(name).id
    versions = []
    for number, text in enumerate(TEXTS):
        (folder / f"{number}.txt").write_text(text)
        versions.append(client.upload(base, folder / f"{number}.txt"))
    client.wait_until_ready(*versions, seconds=PATIENCE)
    return base


def checkpoint(folder: Path, *, seed: int) -> Path:
    folder.mkdir()
    return checkpoint_make(folder, tokens=256, seed=seed, spread=0.3)


def live_of(http: httpx.Client, base: str) -> str:
    """The model and revision that it is searched by."""
    generations = http.get(f"/knowledge-bases/{base}/generations/").json()["results"]
    (live,) = (one for one in generations if one["state"] == "live")
    return str(live["model"])


def removed(http: httpx.Client, version: str) -> bool:
    return http.delete(f"/model-versions/{version}/").status_code == httpx.codes.NO_CONTENT


@pytest.mark.timeout(240)
def test_a_model_is_pulled_checked_used_exchanged_for_another_revision_under_load_and_removed(
    running: System, client: Client, http: httpx.Client, hub: Hub, usual: str, tmp_path: Path
) -> None:
    hub.publish(NAME, checkpoint(tmp_path / "old", seed=0), commit=COMMIT)
    hub.publish(NAME, checkpoint(tmp_path / "new", seed=1), commit=NEXT)
    old = pulled(http, COMMIT)
    assert http.post(f"/model-versions/{old}/default/").json()["status"] == "active"
    base = filled(client, "By a pulled model", tmp_path)
    assert live_of(http, base) == f"{NAME} {COMMIT[:12]}"

    with searching(http, base) as calls:
        new = pulled(http, NEXT)
        assert http.post(f"/model-versions/{new}/activate/").json()["status"] == "active"
        # A job begins the same within half a minute.
        begun = http.post(f"/knowledge-bases/{base}/reindex/", json={"model": NAME})
        assert begun.status_code in {httpx.codes.ACCEPTED, httpx.codes.CONFLICT}, begun.text
        answers = f"{NAME} {NEXT[:12]}"
        wait_for(lambda: live_of(http, base) == answers, seconds=PATIENCE, what="the next revision answers")
        before = calls.statuses.total()
        wait_for(lambda: calls.statuses.total() > before + 10, seconds=PATIENCE, what="it goes on answering")

    assert (set(calls.statuses), calls.errors, calls.degraded, calls.empty) == ({200}, [], 0, 0)
    listed = running.manage("models", "list")
    assert {line.split("  ")[2] for line in listed.splitlines() if NAME in line and "  active" in line} == {"active"}

    refused = http.delete(f"/model-versions/{old}/")
    assert (refused.status_code, "needed by generation" in refused.json()["detail"]) == (409, True)
    assert http.post(f"/model-versions/{usual}/default/").is_success
    assert http.delete(f"/knowledge-bases/{base}/").is_success
    for version in (old, new):
        wait_for(lambda: removed(http, version), seconds=PATIENCE, what="nothing needs it any more")  # noqa: B023
    store = Path(running.environ["RAGSITE_DATA_DIR"]) / "models"
    wait_for(lambda: not (store / NAME.replace("/", "--")).exists(), seconds=PATIENCE, what="its files are gone")


@pytest.mark.timeout(240)
def test_a_model_worker_that_is_killed_under_load_costs_nobody_more_than_a_deadline_and_its_download_goes_on(
    running: System, client: Client, http: httpx.Client, hub: Hub, tmp_path: Path
) -> None:
    hub.publish(OTHER, checkpoint(tmp_path / "other", seed=0), commit=COMMIT)
    base = filled(client, "By a worker that dies", tmp_path)
    hold = Fault("hold", after=60_000, times=1)
    hub.faults, hub.sent, hub.asked = [hold], 0, []

    with searching(http, base) as calls:
        asked = http.post("/models/", json={"source": OTHER, "revision": COMMIT})
        assert asked.status_code == httpx.codes.ACCEPTED, asked.text
        partial = Path(running.environ["RAGSITE_DATA_DIR"]) / "models" / ".partial"
        wait_for(lambda: bytes_of(partial, "*.safetensors.part"), seconds=PATIENCE, what="the download is under way")
        wait_for(lambda: calls.statuses[200] > 10, seconds=PATIENCE, what="searches are answered")
        for pid in processes(running, "models"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        hold.may_go_on.set()
        task = ended(http, asked)
        wait_for(lambda: answered(http, base), seconds=PATIENCE, what="the next worker answers")

    assert calls.errors == []
    assert set(calls.statuses) <= {200, 503, 504}
    assert hub.ranges("model.safetensors")[-1].startswith("bytes="), "it was not read from the beginning"
    assert removed(http, task["version"])
    assert http.delete(f"/knowledge-bases/{base}/").is_success


def bytes_of(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.rglob(pattern))


def answered(http: httpx.Client, base: str) -> bool:
    answer = search(http, base)
    return answer.status_code == httpx.codes.OK and not answer.json()["degraded"]
