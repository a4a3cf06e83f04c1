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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from ragsite.core.errors import ConfigurationError
from ragsite.core.transport import NO_KAFKA
from ragsite.stack.backoff import Backoff
from ragsite.stack.folders import make_private, private_file
from ragsite.stack.local import PROJECT_DIR
from ragsite.stack.processes import ending
from ragsite.stack.stopping import is_hurried

MARKER = "RAGSITE_INSTALLATION"
ALWAYS, WITH_CLICKHOUSE = PROJECT_DIR / "Procfile", PROJECT_DIR / "Procfile.analytics"
OF_KAFKA = frozenset({"relay", "analytics", "webhooks"})
"""They have nothing to do where events go nowhere."""

ENGINE = {"analytics": ["python", "manage.py", "analytics", "serve"]}
"""Who owns ClickHouse's embedded engine then: reports are filled in from PostgreSQL."""

_LINE = re.compile(r"^([a-z][a-z0-9_-]*):\s*(\S.*)$")
_STOP_SECONDS = 40.0
_TELL_SECONDS = 5.0
_POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Process:
    name: str
    command: list[str]
    popen: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff: Backoff = field(default_factory=Backoff)
    restarts: int = 0


def system_commands(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The commands of the system by name: with the consumer of events where there is a ClickHouse to keep them in, and without
    whatever needs Kafka where there is none.
    """
    clickhouse = environ.get("CLICKHOUSE_URL")
    wanted = (ALWAYS, WITH_CLICKHOUSE) if clickhouse else (ALWAYS,)
    found = {name: command for path in wanted for name, command in procfile(path, environ).items()}
    if environ.get("KAFKA_BOOTSTRAP_SERVERS") != NO_KAFKA:
        return found
    left = {name: command for name, command in found.items() if name not in OF_KAFKA}
    return left | ENGINE if clickhouse == "embedded" else left


def procfile(path: Path, environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The commands of a Procfile by name, with `${NAME}` replaced from the environment."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if match := _LINE.match(line):
            found[match[1]] = shlex.split(string.Template(match[2]).substitute(environ))
    return found


class Supervisor:
    """Starts the commands on entering and stops them on leaving. `events` tells what happened meanwhile, in words.

    `say` is told what is waited for while they stop, and `given` are variables of single commands.
    """

    def __init__(
        self,
        commands: Mapping[str, list[str]],
        *,
        environ: Mapping[str, str],
        directory: Path,
        given: Mapping[str, Mapping[str, str]] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._processes = {name: _Process(name, command) for name, command in commands.items()}
        self._environ = {**environ, MARKER: str(directory)}
        self._given = given or {}
        self._directory = directory
        self._say = say
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._keep_running, name="supervisor", daemon=True)
        self.events: list[str] = []

    def __enter__(self) -> Supervisor:
        leftovers_end(self._directory)
        make_private(self._directory / "log")
        try:
            for process in self._processes.values():
                self._start(process)
        except ConfigurationError:
            self._end_all()
            raise
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
        wait = process.backoff.after(lived=time.monotonic() - process.started_at)
        process.start_at = time.monotonic() + wait
        process.popen = None
        self.events.append(f"{process.name} ended ({ending(popen.returncode)}); it starts again in {wait:.0f} s")

    def _start(self, process: _Process) -> None:
        environ = {**self._environ, **self._given.get(process.name, {})}
        with self._log_file(process.name) as log:
            try:
                process.popen = subprocess.Popen(
                    process.command, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
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
        running = {name: process.popen for name, process in self._processes.items() if process.popen is not None}
        if running:
            self._say(f"stopping {', '.join(running)}")
        for popen in running.values():
            with contextlib.suppress(ProcessLookupError):
                popen.send_signal(signal.SIGTERM)
        self._await_ends(running)
        for popen in running.values():
            _kill_group(popen.pid, signal.SIGKILL)
            popen.wait()

    def _await_ends(self, running: Mapping[str, subprocess.Popen[bytes]]) -> None:
        """Until all have ended, time is up, or somebody asks a second time: a killed worker loses nothing but time."""
        began = told = time.monotonic()
        while left := [name for name, popen in running.items() if popen.poll() is None]:
            now = time.monotonic()
            if now - began > _STOP_SECONDS or is_hurried():
                self._say(f"ending {', '.join(left)} at once")
                return
            if now - told > _TELL_SECONDS:
                told = now
                most = _STOP_SECONDS - (now - began)
                self._say(f"waiting up to {most:.0f} s for {', '.join(left)}; Ctrl-C again ends them at once")
            time.sleep(_POLL_SECONDS)


def leftovers_end(directory: Path) -> None:
    """End the processes of this installation whose supervisor was killed. Only the holder of its lock may call this."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and process.environ().get(MARKER) == str(directory):
                process.kill()


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
