"""What `benchmarks.questions` measures, on a running system."""

from __future__ import annotations

import argparse
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import httpx
import psutil

from benchmarks.ingestion.corpus import corpus, long_text
from benchmarks.ingestion.running import Bench, ready_count
from benchmarks.place import PROJECT, say
from ragsite.stack.supervisor import procfile
from ragsite.stack.system import System

PATIENCE_SECONDS = 60.0
WORDS = 12
OTHER_CHUNKING = {"size": 120, "overlap": 16}


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question, and how long that took."""

    seconds: float
    is_degraded: bool
    is_error: bool


def measure(running: System, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the idle system, of a re-index and of an upload."""
    bench = Bench(running)
    base = bench.client.create_knowledge_base("Questions").id
    bench.ingest(base, corpus(options.documents))
    clients = _Clients(running.url, running.manage("apikey", "questions").strip(), base, options)
    clients.warm_up()
    idle = clients.asked(lambda: True)
    clients.post(f"/api/v1/knowledge-bases/{base}/reindex/", {"chunking": OTHER_CHUNKING})
    reindex = clients.asked(clients.is_reindexing)
    clients.wait(lambda: not clients.is_reindexing())
    neighbour = Bench(running, tenant="Neighbour")
    other = neighbour.client.create_knowledge_base("Upload").id
    neighbour.upload(other, corpus(options.documents, seed=13))
    upload = clients.asked(lambda: ready_count(other) < options.documents)
    figures = {"idle": _figures(idle), "reindex": _figures(reindex), "upload": _figures(upload)}
    for name in ("reindex", "upload"):
        for share in ("p50", "p95"):
            figures[name][f"{share}_ratio"] = figures[name][share] / figures["idle"][share]
        say(f"{name}: {figures[name]}")
    return {**figures, "megabytes": _megabytes(running)}


def _megabytes(running: System) -> dict[str, int]:
    """What each process of the Procfile holds, with those it forked; what several share counts in parts."""
    found = {}
    for name in procfile(PROJECT / "Procfile", running.environ):
        process = psutil.Process(running.supervisor.pid(name))
        every = (process, *process.children(recursive=True))
        found[name] = round(sum(one.memory_full_info().pss for one in every) / 1_000_000)
    return found


def _figures(asked: Sequence[Asked]) -> dict[str, Any]:
    times = quantiles([one.seconds for one in asked], n=100)
    return {
        "answers": len(asked),
        "degraded": sum(one.is_degraded for one in asked),
        "errors": sum(one.is_error for one in asked),
        "p50": times[49],
        "p95": times[94],
        "p99": times[98],
    }


class _Clients:
    """Those that ask, of one knowledge base."""

    def __init__(self, url: str, key: str, base: str, options: argparse.Namespace) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=PATIENCE_SECONDS,
            limits=httpx.Limits(max_connections=options.clients + 1),
        )
        self._base, self._options = base, options
        words = " ".join(long_text(4)).split()
        self._questions = itertools.cycle(
            [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS)]
        )
        self._lock = threading.Lock()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def is_reindexing(self) -> bool:
        answer = self._http.get(f"/api/v1/knowledge-bases/{self._base}/reindex/").raise_for_status()
        newest = answer.json()["results"][0]
        if newest["error"]:
            raise AssertionError(f"The re-index failed: {newest['error']}")
        return not newest["ended_at"]

    def wait(self, until: Callable[[], bool]) -> None:
        while not until():
            time.sleep(0.5)

    def warm_up(self) -> None:
        for _ in range(5):
            self._ask()

    def asked(self, is_busy: Callable[[], bool]) -> list[Asked]:
        """What came of all questions that were asked for the length of the run, or until the system was no longer busy."""
        over = threading.Event()
        with ThreadPoolExecutor(self._options.clients) as pool, _watching(is_busy, over):
            until = time.monotonic() + self._options.seconds
            asking = [pool.submit(self._ask_until, until, over) for _ in range(self._options.clients)]
            return [one for client in asking for one in client.result()]

    def _ask_until(self, until: float, over: threading.Event) -> list[Asked]:
        asked = []
        while time.monotonic() < until and not over.is_set():
            asked.append(self._ask())
        return asked

    def _ask(self) -> Asked:
        with self._lock:
            question = next(self._questions)
        started = time.perf_counter()
        answer = self._http.post("/api/v1/search", json={"query": question, "knowledge_bases": [self._base]})
        seconds = time.perf_counter() - started
        return Asked(seconds, answer.is_success and bool(answer.json()["degraded"]), answer.is_error)


@contextmanager
def _watching(is_busy: Callable[[], bool], over: threading.Event) -> Iterator[None]:
    """Set `over` once nothing is to be done any more."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            if not is_busy():
                over.set()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
