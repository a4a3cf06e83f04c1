"""Server processes: started so that they outlive their starter, and found again without trusting a process id."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ragsite.core.errors import ConfigurationError
from ragsite.stack.folders import private_file, using
from ragsite.stack.stopping import held

StopSignals = Sequence[tuple[signal.Signals, float]]

_POLL_SECONDS = 0.02
_MARKER_SECONDS = 30.0
_LOG_TAIL_BYTES = 16_384
_ALARMS = ("fatal", "panic", "error")
_exit_codes: dict[int, int] = {}
"""Of the processes that this one launched and that have ended, by process id."""
_LAST_RESORT: StopSignals = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a server's program. `user` is the system user to become, None to stay the same."""

    command: tuple[str, ...]
    folder: Path
    log: Path
    marker: str
    user: str | None = None


def bundled(package: str, *path: str) -> Path | None:
    """A program inside an installed Python package, None when it is not there. The package is not imported."""
    found = importlib.util.find_spec(package)
    places = (found.submodule_search_locations or []) if found else []
    return next((program for place in places if (program := Path(place, *path)).exists()), None)


def launch(start: Launch) -> int:
    """Start the program in a session of its own and return its process id; its words go to the log file.

    Raises ConfigurationError when the program is missing or may not be run.
    """
    with using(start.log.parent):
        if start.log.exists():
            start.log.replace(start.log.with_suffix(".previous.log"))
        log = private_file(start.log, "w")
    with log:
        process = _spawn(start, log.fileno())
    _await_marker(process, start)
    # Reaps it if it ends first, so that it never lingers as a zombie which looks alive.
    threading.Thread(target=_reap, args=(process,), name=f"reaper-{process.pid}", daemon=True).start()
    return process.pid


def run(
    command: Sequence[str], *, text: str = "", timeout: float | None = None, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what ends us meanwhile ends it as well, also in the moment of its start.

    `how` are more arguments of `subprocess.Popen`. Raises OSError and TimeoutExpired, as `subprocess.run`.
    """
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with ExitStack() as ends:
        with held():
            process = ends.enter_context(subprocess.Popen(command, text=True, **pipes, **how))
            ends.callback(process.kill)
        said, errors = process.communicate(text, timeout=timeout)
    return subprocess.CompletedProcess(command, process.returncode, said, errors)


def _reap(process: subprocess.Popen[bytes]) -> None:
    _exit_codes[process.pid] = process.wait()


def how_it_ended(pid: int | None, log: Path) -> str:
    """How a server's process ended, by its exit code if that is known here, else by the last words of its log."""
    code = _exit_codes.get(pid) if pid is not None else None
    if code is not None and code < 0:
        return ending(code)
    words = last_words(log)
    return ", ".join(filter(None, (None if code is None else ending(code), f"last words: {words!r}" if words else "")))


def ending(code: int) -> str:
    """An exit code in words: the name of the signal, if it was one."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _spawn(start: Launch, log: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            start.command,
            cwd=start.folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=start.user,
            group=start.user,
            extra_groups=None if start.user is None else [],
        )
    except OSError as error:
        raise program_error(start.command[0], error) from error


def _await_marker(process: subprocess.Popen[bytes], start: Launch) -> None:
    """Wait until the process can be identified: for a moment after its start it has no command line."""
    deadline = time.monotonic() + _MARKER_SECONDS
    while process.poll() is None and not marked(process.pid, name=Path(start.command[0]).name, marker=start.marker):
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(_POLL_SECONDS)


def program_error(program: str, error: OSError) -> ConfigurationError:
    """The sentence for a program that the system would not start."""
    return ConfigurationError(
        f"The server program {program} can't be started: {error.strerror}.",
        action="Install this project's requirements again, readable for every user, or give the server's URL instead.",
    )


def clean_environment() -> dict[str, str]:
    """The environment of a server: nothing of ours, as the servers read variables such as PGPORT or LISTENER_URL."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        "RUST_LOG": "warn",
    }


def marked(pid: int | None, *, name: str, marker: str) -> psutil.Process | None:
    """The living process `pid`, if it is the program `name` and carries our marker: a recycled id is not ours."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if _carries(process, name=name, marker=marker) else None
    except psutil.NoSuchProcess:
        return None


def all_marked(*, name: str, marker: str) -> list[psutil.Process]:
    """Every process of the program `name` that carries our marker: what a crash may have left behind."""
    return [process for process in psutil.process_iter() if _carries(process, name=name, marker=marker)]


def _carries(process: psutil.Process, *, name: str, marker: str) -> bool:
    try:
        return process.name() == name and any(marker in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def end(process: psutil.Process, signals: StopSignals = _LAST_RESORT) -> None:
    """Send the signals in turn, each with its seconds of patience, until the process is gone."""
    for number, seconds in signals:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
        if _ends_within(process, seconds):
            return


def _ends_within(process: psutil.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _is_alive(process):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: where nobody reaps orphans, as in some containers, it stays for good."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def last_words(log: Path) -> str:
    """The line of a log that says best why its server ended."""
    try:
        tail = log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return telling_line(tail)


def telling_line(text: str) -> str:
    """The last line of a program's output that reports an error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    alarms = [line for line in lines if any(word in line.lower() for word in _ALARMS)]
    return (alarms or lines or [""])[-1]
