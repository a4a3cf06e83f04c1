"""`manage.py up`: the system in the foreground until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from ragsite.core.errors import RagError
from ragsite.stack.local import data_directory
from ragsite.stack.system import System, system


def main(argv: Sequence[str]) -> int:
    """Start everything, print the addresses, wait for a signal, stop everything."""
    argparse.ArgumentParser(
        prog="manage.py up", description="Run the whole system here, in the foreground, until Ctrl-C."
    ).parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with system(data_directory(), os.environ, say=_say) as running:
            _say(_addresses(running))
            _follow(running, stop)
            _say("\nstopping")
    except RagError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return 1
    return 0


def _follow(running: System, stop: threading.Event) -> None:
    """Print what the supervisor has to tell until somebody wants to stop."""
    told = 0
    while not stop.wait(0.5):
        for event in running.supervisor.events[told:]:
            _say(event)
            told += 1


def _addresses(running: System) -> str:
    return "\n".join(
        (
            "",
            f"  admin      {running.url}/admin/   {running.admin_login}",
            f"  API docs   {running.url}/api/docs",
            f"  Flower     {running.flower_url}   {running.flower_login}",
            f"  health     {running.url}/health/ready",
            f"  logs       {running.supervisor.log('web').parent}",
            "",
            "  An API key: .venv/bin/python manage.py apikey NAME        Ctrl-C stops everything.",
        )
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
