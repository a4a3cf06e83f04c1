"""Runs a command of the Procfile by a clock of its own: so many seconds off as the file `clock-NAME` in the data folder says,
also when that changes, as a clock does that somebody sets. What measures durations goes on as it did.

    python -m tests.faults.shifted NAME celery -A workers.celery worker …
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import time_machine

LOOK_SECONDS = 0.2


class Clock:
    """The process' clock, set by a file."""

    def __init__(self, place: Path) -> None:
        self._place, self._off = place, 0.0
        self._travel = time_machine.travel(datetime.now().astimezone(), tick=True).start()
        os.register_at_fork(after_in_child=self.watch)

    def watch(self) -> None:
        threading.Thread(target=self._look, name="clock", daemon=True).start()

    def _look(self) -> None:
        pause = threading.Event()
        while True:
            wanted = float(self._place.read_text() or 0) if self._place.exists() else 0.0
            if wanted != self._off:
                self._travel.shift(wanted - self._off)
                self._off = wanted
            pause.wait(LOOK_SECONDS)


def clock_set(folder: Path, name: str, seconds: float) -> None:
    """Set the clock of the process that was started under this name."""
    draft = folder / f"clock-{name}.new"
    draft.write_text(str(seconds))
    draft.replace(folder / f"clock-{name}")


def commands_shifted(commands: Mapping[str, list[str]], names: Iterable[str]) -> dict[str, list[str]]:
    """The commands of a Procfile, of which those of these names have clocks of their own."""
    start = [sys.executable, "-m", "tests.faults.shifted"]
    return {name: [*start, name, *words] if name in names else words for name, words in commands.items()}


def main(name: str, *words: str) -> None:
    command = list(words)
    if command[0] == "env":
        del command[0]
        while "=" in command[0]:
            variable, _, value = command.pop(0).partition("=")
            os.environ[variable] = value
    Clock(Path(os.environ["RAGSITE_DATA_DIR"]) / f"clock-{name}").watch()
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
