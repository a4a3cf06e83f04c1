"""What `benchmarks.load` measures, on a running system: clients in one event loop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil
import uvloop

from benchmarks.ingestion.corpus import corpus
from benchmarks.ingestion.running import Bench, ready_count
from benchmarks.place import say
from ragsite.stack.system import System

PATIENCE_SECONDS = 60.0
READY_SECONDS = 300.0
KEPT_SECONDS = 2.0
ERROR_SECONDS = 1.0
FEW_CLIENTS = 8
PEAK_SECONDS = 15.0
TIMES_CAPACITY = 10
WORDS = ("harbour", "storage", "request", "version", "model", "vector", "queue", "tenant", "answer", "password")
REFUSED = (429, 503)


@dataclass(slots=True)
class Kind:
    """Answers of one kind: seconds of those that were good, and how many were what else."""

    good: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    degraded: int = 0

    def note(self, began: float, response: aiohttp.ClientResponse) -> float | None:
        """Take an answer down; the seconds after which whoever was not served comes back, None if all went well."""
        took = time.perf_counter() - began
        if response.ok:
            self.good.append(took)
            return None
        if response.status in REFUSED and (after := response.headers.get("retry-after", "")).isdigit():
            self.refused.append(took)
            return float(after)
        self.errors[f"status {response.status}"] += 1
        return ERROR_SECONDS

    def figures(self) -> dict[str, Any]:
        """Counts, and milliseconds."""
        return {
            "good": len(self.good),
            "p50_ms": share(self.good, 50),
            "p99_ms": share(self.good, 99),
            "refused": len(self.refused),
            "refused_p95_ms": share(self.refused, 95),
            "errors": dict(self.errors),
            "degraded": self.degraded,
        }


def share(times: list[float], percent: int) -> int | None:
    """Milliseconds that this percentage stayed within."""
    ordered = sorted(times)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000) if ordered else None


def measure(running: System, options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the parts that were asked for."""
    bench = Bench(running)
    base = bench.client.create_knowledge_base("Load").id
    bench.ingest(base, corpus(options.documents))
    found: dict[str, Any] = {}
    for part in options.parts:
        found[part] = uvloop.run(_measured(PARTS[part], running, base, options))
        say(f"{part}: {found[part]}")
    return found


async def _measured(part: Part, running: System, base: str, options: argparse.Namespace) -> dict[str, Any]:
    # Shorter than the server keeps them, so that nobody sends into a connection that is being closed.
    connections = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_SECONDS)
    headers = {"Authorization": f"Bearer {running.manage('apikey', 'load').strip()}"}
    patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with (
        aiohttp.ClientSession(running.url, headers=headers, timeout=patience, connector=connections) as client,
        _memory(running) as memory,
    ):
        return {**await part(client, base, options), "megabytes": memory}


async def _burst(client: aiohttp.ClientSession, base: str, options: argparse.Namespace) -> dict[str, Any]:
    until = time.perf_counter() + options.seconds
    searches, streams, uploads = Kind(), Kind(), Kind()
    before = await asyncio.to_thread(ready_count, base)
    async with asyncio.TaskGroup() as group:
        for number in range(options.searches):
            group.create_task(_again(searches, lambda n=number: _search(client, base, searches, n), until))
        for number in range(options.streams):
            group.create_task(_again(streams, lambda n=number: _stream(client, base, streams, n), until))
        await asyncio.sleep(options.seconds / 3)
        patient = time.perf_counter() + READY_SECONDS
        for number in range(options.uploads):
            group.create_task(_once(uploads, lambda n=number: _upload(client, base, uploads, n), patient))
    began = time.perf_counter()
    while (ready := await asyncio.to_thread(ready_count, base) - before) < len(uploads.good):
        if time.perf_counter() > began + READY_SECONDS:
            break
        await asyncio.sleep(0.5)
    kinds = {"searches": searches, "streams": streams, "uploads": uploads}
    after = {"uploads_ready": ready, "seconds_after": round(time.perf_counter() - began, 1)}
    return {name: kind.figures() for name, kind in kinds.items()} | after


async def _overload(client: aiohttp.ClientSession, base: str, options: argparse.Namespace) -> dict[str, Any]:
    peak = Kind()
    until = time.perf_counter() + PEAK_SECONDS
    async with asyncio.TaskGroup() as group:
        for number in range(FEW_CLIENTS):
            group.create_task(_again(peak, lambda n=number: _search(client, base, peak, n), until))
    rate = len(peak.good) / PEAK_SECONDS
    over = Kind()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * TIMES_CAPACITY * options.seconds)):
            await asyncio.sleep(max(0.0, began + number / (rate * TIMES_CAPACITY) - time.perf_counter()))
            group.create_task(_tried(over, lambda n=number: _search(client, base, over, n)))
        offered = time.perf_counter() - began
    goodput = len(over.good) / (time.perf_counter() - began)
    figures = {"peak_per_second": rate, "goodput_per_second": goodput, "goodput_to_peak": goodput / rate}
    return {name: round(value, 2) for name, value in figures.items()} | {
        "offered_for": round(offered),
        **over.figures(),
    }


Part = Callable[[aiohttp.ClientSession, str, argparse.Namespace], Awaitable[dict[str, Any]]]
Try = Callable[[], Awaitable[float | None]]
PARTS: dict[str, Part] = {"burst": _burst, "overload": _overload}


async def _again(kind: Kind, attempt: Try, until: float) -> None:
    """One after another until the time is up."""
    while time.perf_counter() < until:
        if wait := await _tried(kind, attempt):
            await asyncio.sleep(min(wait, max(0.0, until - time.perf_counter())))


async def _once(kind: Kind, attempt: Try, until: float) -> None:
    """Until it was taken: what was refused or had no answer is sent again, under its key."""
    while (wait := await _tried(kind, attempt)) is not None and time.perf_counter() < until:
        await asyncio.sleep(wait)


async def _tried(kind: Kind, attempt: Try) -> float | None:
    try:
        return await attempt()
    except (aiohttp.ClientError, TimeoutError) as error:
        kind.errors[type(error).__name__] += 1
        return ERROR_SECONDS


async def _search(client: aiohttp.ClientSession, base: str, kind: Kind, number: int) -> float | None:
    body = {"query": f"What is said of the {WORDS[number % len(WORDS)]}?", "knowledge_bases": [base]}
    began = time.perf_counter()
    async with client.post("/api/v1/search", json=body) as response:
        told = await response.json()
        kind.degraded += response.ok and bool(told["degraded"])
        return kind.note(began, response)


async def _stream(client: aiohttp.ClientSession, base: str, kind: Kind, number: int) -> float | None:
    """A streamed answer, read to its end; one that ends otherwise than completed is an error."""
    body = {"question": f"What is said of the {WORDS[number % len(WORDS)]}?", "knowledge_bases": [base], "stream": True}
    began = time.perf_counter()
    async with client.post("/api/v1/ask", json=body) as response:
        lines = (await response.text()).splitlines()
        told = [line for line in lines if line.startswith("event:")]
        if response.ok and told[-1:] != ["event: response.completed"]:
            kind.errors[told[-1] if told else "an empty stream"] += 1
            return ERROR_SECONDS
        return kind.note(began, response)


async def _upload(client: aiohttp.ClientSession, base: str, kind: Kind, number: int) -> float | None:
    text = f"# Burst {number}\n\nThe keeper of lighthouse {number} signed log {base} at dusk.\n"
    began = time.perf_counter()
    form = aiohttp.FormData({"knowledge_base": base, "external_id": f"burst-{number}"})
    form.add_field("file", text.encode(), filename=f"burst-{number}.md", content_type="text/markdown")
    headers = {"Idempotency-Key": f"burst-{base}-{number}"}
    async with client.post("/api/v1/documents/", data=form, headers=headers) as response:
        await response.read()
        return kind.note(began, response)


@asynccontextmanager
async def _memory(running: System) -> AsyncIterator[dict[str, int]]:
    """Megabytes that processes have resident, at the beginning, at most and at the end; filled in as the block runs."""
    found = {name: _resident(running) for name in ("begin", "most", "end")}

    async def watch() -> None:
        while True:
            await asyncio.sleep(1)
            found["end"] = await asyncio.to_thread(_resident, running)
            found["most"] = max(found["most"], found["end"])

    task = asyncio.create_task(watch())
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _resident(running: System) -> int:
    leaders = [psutil.Process(running.supervisor.pid(name)) for name in ("web", "parsing", "general", "models")]
    every = [one for leader in leaders for one in (leader, *leader.children(recursive=True))]
    return round(sum(one.memory_info().rss for one in every) / 1e6)
