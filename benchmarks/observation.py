"""What it costs that the system tells what it does: two whole systems take turns, one that tells everything, and a silent one.

    python -m benchmarks.observation [--json] [--rounds 5] [--searches 200] [--documents 60] [--parts search ingestion events]

The one that tells mirrors its changes to Kafka and ClickHouse, traces every request to a collector, answers a scrape of its
metrics every 15 seconds and writes its logs as JSON. The other has none of these. Each has a folder and servers of its own, with
the same documents and the same small model. `search_p50_overhead` and `ingestion_overhead` are medians over rounds of the ratio
of the two; `search_p50_noise` is that ratio of the silent one with itself. `processor` in a name is the ratio of the processor
time of all of a system's processes rather than of the time that went by. The part `events` is the undisturbed one of
`benchmarks.analytics`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

import httpx
import psutil
from ragsite_client import Client

from benchmarks.ingestion.corpus import File, corpus
from benchmarks.place import PROJECT, folder, say
from ragsite.stack import ports
from ragsite.stack.supervisor import system_commands
from ragsite.stack.system import METRICS_PORT, System, metrics_ports, system

PARTS = ("search", "ingestion", "events")
SCRAPE_SECONDS = 15.0
SILENT = {
    "KAFKA_BOOTSTRAP_SERVERS": "none", "CLICKHOUSE_URL": "", "OTEL_EXPORTER_OTLP_ENDPOINT": "", METRICS_PORT: "0",
    "RAGSITE_LOG_FORMAT": "text",
}  # fmt: skip
WARM = 30
"""Searches of each before any is measured."""


@dataclass
class Side:
    """A system, a client of it, its knowledge base, and what its turns took."""

    running: System
    client: Client
    base: str
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def processor_seconds(self) -> float:
        """Of all its processes and servers so far, but for those that have ended."""
        return sum(sum(one.cpu_times()[:2]) for one in _processes(self.running.environ["RAGSITE_DATA_DIR"]))


def _processes(directory: str) -> Iterator[psutil.Process]:
    """Those that were started for the folder: it stands in their environment or their command."""
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if one.pid != os.getpid() and (
                one.environ().get("RAGSITE_DATA_DIR") == directory or any(directory in word for word in one.cmdline())
            ):
                yield one


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.observation", description="What telling costs.")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default 5)")
    parser.add_argument("--searches", type=int, default=200, help="searches of a turn (default 200)")
    parser.add_argument("--documents", type=int, default=60, help="documents of a turn (default 60)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    options = parser.parse_args(argv)
    found: dict[str, Any] = {}
    if {"search", "ingestion"} & set(options.parts):
        with sides(options.documents) as (telling, silent):
            if "search" in options.parts:
                found |= _searches(telling, silent, options)
            if "ingestion" in options.parts:
                found |= _ingestions(telling, silent, options)
    if "events" in options.parts:
        found |= _events()
    print(json.dumps(found) if options.json else json.dumps(found, indent=2))
    return 0


@contextlib.contextmanager
def sides(documents: int) -> Iterator[tuple[Side, Side]]:
    """The one that tells and the silent one, each with the same documents."""
    environ = {name: value for name, value in os.environ.items() if name not in SILENT} | {"RAGSITE_WEB_PORT": ""}
    with _collector() as address, contextlib.ExitStack() as stack:
        tells = environ | {
            "CLICKHOUSE_URL": "embedded", "OTEL_EXPORTER_OTLP_ENDPOINT": address, METRICS_PORT: str(_ports_in_a_row(8)),
            "RAGSITE_LOG_FORMAT": "json",
        }  # fmt: skip
        found = [_side(stack, name, env) for name, env in (("telling", tells), ("silent", environ | SILENT))]
        stack.enter_context(_scraped(found[0].running))
        files = corpus(documents)
        for side in found:
            _ingest(side, files)
        yield found[0], found[1]


def _side(stack: contextlib.ExitStack, name: str, environ: Mapping[str, str]) -> Side:
    place = stack.enter_context(folder())
    running = stack.enter_context(system(place, {**environ, "RAGSITE_DATA_DIR": str(place)}, say=say))
    client = Client(running.url, running.manage("apikey", "benchmark").strip(), retries=0)
    return Side(running, client, client.create_knowledge_base(name).id)


def _ports_in_a_row(number: int) -> int:
    return next(
        first for first in iter(ports.find_free, 0) if all(ports.is_free(first + offset) for offset in range(number))
    )


@contextlib.contextmanager
def _collector() -> Iterator[str]:
    """Takes traces as a collector does, and forgets them; its address."""

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def _scraped(running: System) -> Iterator[None]:
    """Every process' metrics are read as Prometheus does."""
    told = metrics_ports(running.environ, system_commands(running.environ))
    urls = [f"{running.url}/metrics", *(f"http://127.0.0.1:{port}/metrics" for port in told.values())]
    done = threading.Event()

    def scrape() -> None:
        while not done.wait(SCRAPE_SECONDS):
            for url in urls:
                with contextlib.suppress(httpx.HTTPError):
                    httpx.get(url, timeout=5)

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _searches(telling: Side, silent: Side, options: argparse.Namespace) -> dict[str, Any]:
    """Turns of single searches, so that what disturbs the machine disturbs both."""
    turns = {"telling": telling, "silent": silent, "again": silent}
    for side in (telling, silent):
        for number in range(WARM):
            side.client.search(_question(number), knowledge_bases=[side.base])
    rounds = []
    for number in range(options.rounds):
        took: dict[str, list[float]] = {name: [] for name in turns}
        for place in range(options.searches):
            for offset, name in enumerate(_turned(list(turns), place)):
                side, question = turns[name], _question(WARM + 3 * (number * options.searches + place) + offset)
                took[name].append(_seconds(partial(side.client.search, question, knowledge_bases=[side.base])))
        half = {name: median(seconds) for name, seconds in took.items()}
        rounds.append((half["telling"] / half["silent"], half["again"] / half["silent"], half))
        say(f"searches: {', '.join(f'{name} {1000 * seconds:.1f} ms' for name, seconds in half.items())}")
    return {
        "search_p50_overhead": round(median(one[0] for one in rounds), 3),
        "search_p50_noise": round(median(one[1] for one in rounds), 3),
        "search_p50_milliseconds": round(1000 * median(one[2]["silent"] for one in rounds), 1),
    }


def _turned(names: list[str], number: int) -> list[str]:
    """Each comes first equally often."""
    by = number % len(names)
    return names[by:] + names[:by]


def _question(number: int) -> str:
    """One that no search has had, so that nothing is known of it."""
    return f"how does part {number} keep documents and answers in order"


def _ingestions(telling: Side, silent: Side, options: argparse.Namespace) -> dict[str, Any]:
    ratios, work = [], []
    for number in range(options.rounds):
        files = corpus(options.documents, seed=500 + number)
        took: dict[str, tuple[float, float]] = {}
        order = [telling, silent] if number % 2 else [silent, telling]
        for side in order:
            before = side.processor_seconds()
            seconds = _seconds(partial(_ingest, side, files))
            took["telling" if side is telling else "silent"] = seconds, side.processor_seconds() - before
        ratios.append(took["telling"][0] / took["silent"][0])
        work.append(took["telling"][1] / took["silent"][1])
        say(f"ingestion: {took}")
    return {"ingestion_overhead": round(median(ratios), 3), "ingestion_processor_overhead": round(median(work), 3)}


def _ingest(side: Side, files: Sequence[File]) -> None:
    """Upload, and wait until every version is READY."""
    found = side.client.upload_many(side.base, [(file.name, file.content) for file in files])
    side.client.wait_until_ready(*[one.version.id for one in found if one.version], seconds=900)


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _events() -> dict[str, Any]:
    """Of `benchmarks.analytics`, in a process of its own, without kills."""
    command = [sys.executable, "-m", "benchmarks.analytics", "--json", "--kills", "0", "--questions", "20000"]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, check=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {name: value for name, value in told.items() if name.startswith(("events_", "sink_"))}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
