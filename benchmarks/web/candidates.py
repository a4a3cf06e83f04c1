"""The servers and handlers that are compared, each as a command."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from benchmarks.place import PROJECT, say
from ragsite.stack import ports

SERVING = "benchmarks.web.serving"
THREADS = 40
READY_SECONDS = 60.0
_UVICORN = ("-m", "uvicorn", f"{SERVING}:application", "--port", "{port}", "--lifespan", "off", "--no-access-log")
_EDGE = ("--http", f"{SERVING}:Protocol")


@dataclass(frozen=True, slots=True)
class Candidate:
    """`handler` names one of `serving`. `command` is what Python is called with."""

    name: str
    package: str
    handler: str
    command: tuple[str, ...]


def _gunicorn(threads: int) -> tuple[str, ...]:
    server = ("-m", "gunicorn", f"{SERVING}:application", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread")
    return (
        *server,
        "--threads",
        str(threads),
        "--worker-connections",
        "2000",
        "--log-level",
        "warning",
        "--timeout",
        "120",
    )


def _granian(threads: int) -> tuple[str, ...]:
    server = (
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
        "--log-level",
        "warning",
    )
    return (*server, "--blocking-threads", str(threads), "--backpressure", "2000", f"{SERVING}:application")


def candidates(streams: int) -> list[Candidate]:
    """All of them. Threads of WSGI are given twice: as many as here, and as many as streams need."""
    found = [
        Candidate("here", "uvicorn", "here", _UVICORN + _EDGE),
        Candidate("here, no edge", "uvicorn", "bare", _UVICORN),
        Candidate("a thread a request", "uvicorn", "thread", _UVICORN),
        Candidate("Django's own", "uvicorn", "django", _UVICORN),
    ]
    for threads in (THREADS, streams + 20) if streams else (THREADS,):
        found.append(Candidate(f"gunicorn {threads}", "gunicorn", "wsgi", _gunicorn(threads)))
        found.append(Candidate(f"granian {threads}", "granian", "wsgi", _granian(threads)))
    return found


def installed(among: Sequence[Candidate]) -> list[Candidate]:
    """Those whose package is installed; for the others a line says that they are left out."""
    found = []
    for one in among:
        if importlib.util.find_spec(one.package):
            found.append(one)
        else:
            say(f"{one.name}: left out, {one.package} is not installed")
    return found


@dataclass(frozen=True, slots=True)
class Running:
    """A candidate that serves."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def usage(self) -> tuple[int, float]:
        """Threads, and PSS in MB, of the process and its children."""
        family = self._family()
        return sum(one.num_threads() for one in family), sum(one.memory_full_info().pss for one in family) / 1e6

    def processor_seconds(self) -> float:
        """Of the process and its children so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    def _family(self) -> list[psutil.Process]:
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]


@contextmanager
def running(candidate: Candidate) -> Iterator[Running]:
    """The candidate's server from its first answer on, until the end of the block."""
    port = ports.find_free()
    command = [sys.executable, *(word.format(port=port) for word in candidate.command)]
    environ = {**os.environ, "RAGSITE_PROCESS": "web", "BENCHMARK_HANDLER": candidate.handler}
    process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_answer(f"http://127.0.0.1:{port}/health/live", candidate.name)
        yield Running(candidate.name, port, process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait(10)


def _await_answer(url: str, name: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            httpx.get(url, timeout=5)
            return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} does not answer at {url}") from None
            time.sleep(0.1)
