"""Keeps the processes of a Procfile running: one that ends is started again, sooner or later by how long it had lived.

Each process leads a process group of its own, so that what it forked goes with it, also when it was killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import string
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from ragsite.core.errors import ConfigurationError
from ragsite.stack.folders import make_private, private_file

MARKER = "RAGSITE_INSTALLATION"
_LINE = re.compile(r"^([a-z][a-z0-9_-]*):\s*(\S.*)$")
_BACKOFF_SECONDS = (1.0, 30.0)
_STEADY_SECONDS = 60.0
_STOP_SECONDS = 40.0
_POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Process:
    name: str
    command: list[str]
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    wait: float = _BACKOFF_SECONDS[0]
    restarts: int = 0


def procfile(path: Path, environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The commands of a Procfile by name, with `${NAME}` replaced from the environment."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if match := _LINE.match(line):
            found[match[1]] = shlex.split(string.Template(match[2]).substitute(environ))
    return found


class Supervisor:
    """Starts the commands on entering and stops them on leaving. `events` tells what happened meanwhile, in words."""

    def __init__(self, commands: Mapping[str, list[str]], *, environ: Mapping[str, str], directory: Path) -> None:
        self._processes = {name: _Process(name, command) for name, command in commands.items()}
        self._environ = {**environ, MARKER: str(directory)}
        self._directory = directory
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)
        self.events: list[str] = []

    def __enter__(self) -> Supervisor:
        leftovers_end(self._directory)
        make_private(self._directory / "log")
        for process in self._processes.values():
            self._start(process)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join()
        self._end_all()

    def pid(self, name: str) -> int:
        """The process id of a running process; 0 while it waits to be started again."""
        popen = self._processes[name].popen
        return popen.pid if popen and popen.poll() is None else 0

    def restarts(self, name: str) -> int:
        """How often a process was started again."""
        return self._processes[name].restarts

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._directory / "log" / f"{name}.log"

    def _keep_running(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for process in self._processes.values():
                self._look_after(process)

    def _look_after(self, process: _Process) -> None:
        if process.popen is not None and process.popen.poll() is not None:
            self._note_end(process, process.popen)
        if process.popen is None and time.monotonic() >= process.start_at:
            process.restarts += 1
            self._start(process)

    def _note_end(self, process: _Process, popen: subprocess.Popen[bytes]) -> None:
        _kill_group(popen.pid, signal.SIGKILL)
        lived = time.monotonic() - process.started_at
        process.wait = _BACKOFF_SECONDS[0] if lived > _STEADY_SECONDS else min(process.wait * 2, _BACKOFF_SECONDS[1])
        process.start_at = time.monotonic() + process.wait
        process.popen = None
        self.events.append(
            f"{process.name} ended ({_ending(popen.returncode)}); it starts again in {process.wait:.0f} s"
        )

    def _start(self, process: _Process) -> None:
        with self._log_file(process.name) as log:
            try:
                process.popen = subprocess.Popen(
                    process.command, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise ConfigurationError(
                    f"Procfile: {process.command[0]} cannot be started: {error.strerror}."
                ) from error
        process.started_at = time.monotonic()

    def _log_file(self, name: str) -> IO[str]:
        return private_file(self.log(name), "a")

    def _end_all(self) -> None:
        running = [process.popen for process in self._processes.values() if process.popen is not None]
        for popen in running:
            with contextlib.suppress(ProcessLookupError):
                popen.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for popen in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                popen.wait(max(0.1, deadline - time.monotonic()))
            _kill_group(popen.pid, signal.SIGKILL)
            popen.wait()


def leftovers_end(directory: Path) -> None:
    """End the processes of this installation whose supervisor was killed. Only the holder of its lock may call this."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and process.environ().get(MARKER) == str(directory):
                process.kill()


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
