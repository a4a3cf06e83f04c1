"""What `benchmarks.door` measures, on a running system."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from benchmarks.ingestion.corpus import corpus, long_text
from benchmarks.ingestion.running import Bench
from benchmarks.place import say
from ragsite.stack.system import System

Figures = dict[str, Any]
MEGABYTE = 1_000_000
PATIENCE_SECONDS = 60.0


def measure(running: System, place: Path, options: argparse.Namespace) -> Figures:
    """The figures of each part."""
    door = Door(running)
    parts = {
        "keyless": lambda: keyless(door, place),
        "halves": lambda: halves(door),
        "readers": lambda: readers(door, options),
        "uploads": lambda: uploads(door),
        "asks": lambda: asks(door),
    }
    found = {}
    for name in options.only:
        found[name] = parts[name]()
        say(f"{name}: {found[name]}")
    return found


class Door:
    """The web process, and two tenants with documents."""

    def __init__(self, running: System) -> None:
        self.url = running.url
        self.web = psutil.Process(running.supervisor.pid("web"))
        bench = Bench(running)
        self.base = bench.client.create_knowledge_base("Door").id
        bench.ingest(self.base, corpus(60))
        self.key = running.manage("apikey", "door").strip()
        self.other = running.manage("apikey", "other", "--tenant", "Other").strip()
        with self.client(self.other) as client:
            self.other_base = client.post("/api/v1/knowledge-bases/", json={"name": "Other"}).json()["id"]
            bench.client, kept = type(bench.client)(self.url, self.other), bench.client
            bench.ingest(self.other_base, corpus(5, seed=3))
            bench.client = kept

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=PATIENCE_SECONDS,
            limits=httpx.Limits(max_connections=200),
        )

    def connect(self, sent: bytes, *, receive_bytes: int = 0) -> socket.socket:
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.settimeout(PATIENCE_SECONDS)
        parts = urlsplit(self.url)
        client.connect((parts.hostname, parts.port))
        client.sendall(sent)
        return client

    def memory(self) -> float:
        """Resident MB of the web process."""
        return round(self.web.memory_info().rss / MEGABYTE, 1)

    def spooled(self) -> int:
        """Bytes of the temporary files, without a name, that the web process has open."""
        total = 0
        for number in os.listdir(f"/proc/{self.web.pid}/fd"):
            path = f"/proc/{self.web.pid}/fd/{number}"
            with suppress(OSError):
                if os.readlink(path).startswith(tempfile.gettempdir()):
                    total += os.stat(path).st_size
        return total


@contextmanager
def peaks(door: Door) -> Iterator[Figures]:
    """What the web process had before, and at the most within the block."""
    found: Figures = {"MB before": door.memory(), "MB at most": 0.0, "MB spooled at most": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found["MB at most"] = max(found["MB at most"], door.memory())
            found["MB spooled at most"] = max(found["MB spooled at most"], round(door.spooled() / MEGABYTE, 1))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def keyless(door: Door, place: Path) -> Figures:
    """A chunked upload of 100 MB without a key."""
    part = b"%x\r\n%s\r\n" % (65536, b"." * 65536)
    head = b"POST /api/v1/documents/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    sent = 0
    started = time.perf_counter()
    with peaks(door) as found, door.connect(head + b"Transfer-Encoding: chunked\r\n\r\n") as client:
        with suppress(OSError):
            while sent < 100 * MEGABYTE:
                client.sendall(part)
                sent += 65536
            client.sendall(b"0\r\n\r\n")
        answer = b""
        with suppress(OSError):
            answer = client.recv(4096)
    return found | {
        "MB sent": round(sent / MEGABYTE, 1),
        "answer": answer[:12].decode(),
        "seconds": round(time.perf_counter() - started, 1),
    }


def halves(door: Door) -> Figures:
    """1,500 requests, each with 30 kB of a head that does not end."""
    with ExitStack() as stack, peaks(door) as found:
        half = b"GET / HTTP/1.1\r\n" + b"X-More: %s\r\n" % (b"." * 1000) * 30
        for _ in range(1500):
            with suppress(OSError):
                stack.enter_context(door.connect(half))
        found["connections"] = max(_connections(door) for _ in range(50))
        with door.client(door.key) as client:
            started = time.perf_counter()
            found["a list beside them"] = client.get("/api/v1/documents/?limit=1").status_code
            found["ms"] = round((time.perf_counter() - started) * 1000)
    return found


def _connections(door: Door) -> int:
    """How many the web process has, a moment later."""
    time.sleep(0.1)
    return len(door.web.net_connections())


def readers(door: Door, options: argparse.Namespace) -> Figures:
    """Searches with nobody beside them, and beside 200 clients that ask for a long list and read nothing."""
    found: Figures = {"alone": searched(door, options)}
    lists = f"GET /api/v1/documents/?limit=200 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.key}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(door.connect(lists.encode(), receive_bytes=4096))
        found["beside as they ask"] = searched(door, options)
        found["beside them"] = searched(door, options)
    return found


def searched(door: Door, options: argparse.Namespace) -> Figures:
    words = " ".join(long_text(4)).split()
    until = time.monotonic() + options.seconds

    def asking(number: int) -> tuple[list[float], Counter[int]]:
        times, codes = [], Counter[int]()
        with door.client(door.key) as client:
            while time.monotonic() < until:
                started = time.perf_counter()
                begin = (number * 37 + codes.total() * 11) % (len(words) - 12)
                question = {"query": " ".join(words[begin : begin + 12]), "knowledge_bases": [door.base]}
                codes[client.post("/api/v1/search", json=question).status_code] += 1
                times.append(time.perf_counter() - started)
        return times, codes

    with ThreadPoolExecutor(options.clients) as threads:
        every = list(threads.map(asking, range(options.clients)))
    return percentiles([one for times, _ in every for one in times]) | {
        "codes": dict(sum((c for _, c in every), Counter()))
    }


def percentiles(times: list[float]) -> Figures:
    shares = quantiles(times, n=100)
    return {f"p{share}": round(shares[share - 1] * 1000) for share in (50, 95, 99)} | {"answers": len(times)}


def uploads(door: Door) -> Figures:
    """300 uploads of one key, 60 at a time: by themselves, and beside another tenant's lists."""
    alone = _uploaded(door, "alone")
    with ThreadPoolExecutor(1) as beside:
        done = threading.Event()
        lists = beside.submit(_listed, door, done)
        together = _uploaded(door, "together")
        done.set()
    return {"alone": alone, "beside lists": together, "another tenant's lists": percentiles(lists.result())}


def _uploaded(door: Door, name: str) -> Figures:
    def upload(number: int) -> int:
        file = {"file": (f"{name}-{number}.txt", f"Note {number}, {name}, of the harbour office. ".encode() * 40)}
        return client.post("/api/v1/documents/", data={"knowledge_base": door.base}, files=file).status_code

    started = time.perf_counter()
    with door.client(door.key) as client, ThreadPoolExecutor(60) as threads:
        codes = Counter(threads.map(upload, range(300)))
    return {"codes": dict(codes), "seconds": round(time.perf_counter() - started, 1)}


def _listed(door: Door, done: threading.Event) -> list[float]:
    times = []
    with door.client(door.other) as other:
        while not done.wait(0.05):
            started = time.perf_counter()
            other.get("/api/v1/documents/?limit=1").raise_for_status()
            times.append(time.perf_counter() - started)
    return times


def asks(door: Door) -> Figures:
    """Another tenant's questions: with nobody beside them, and right after 150 whose clients leave after half a second."""
    alone = _asked(door, seconds=5)
    asyncio.run(given_up(door))
    return {"alone": alone, "after them": _asked(door, seconds=20)}


def _asked(door: Door, *, seconds: float) -> Figures:
    times, codes = [], Counter[str]()
    until = time.monotonic() + seconds
    with door.client(door.other) as client:
        while time.monotonic() < until:
            started = time.perf_counter()
            answer = client.post("/api/v1/ask", json={"question": "What does the harbour office say?"})
            times.append(time.perf_counter() - started)
            codes[f"{answer.status_code} {_degraded(answer)}".strip()] += 1
    figures = {"first ms": round(times[0] * 1000), "worst ms": round(max(times) * 1000), "codes": dict(codes)}
    return figures | {"p50": round(median(times) * 1000), "answers": len(times)}


def _degraded(answer: httpx.Response) -> str:
    return ", ".join(one["code"] for one in answer.json().get("degraded", ())) if answer.is_success else ""


async def given_up(door: Door) -> None:
    parts = urlsplit(door.url)
    body = b'{"question": "Which of the notes tell of the keeper, and what does each say of the log?"}'
    head = (
        f"POST /api/v1/ask HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {door.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )

    async def ask() -> None:
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(head.encode() + body)
        await asyncio.sleep(0.5)
        writer.transport.abort()

    await asyncio.gather(*(ask() for _ in range(150)))
