"""`manage.py up`: the system in the foreground until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from ragsite.core.errors import RagError
from ragsite.stack.local import data_directory
from ragsite.stack.stopping import Stopped, stoppable
from ragsite.stack.system import System, system

_FOLLOW_SECONDS = 0.5


def main(argv: Sequence[str]) -> int:
    """Start everything, print the addresses, wait for a signal, stop everything."""
    argparse.ArgumentParser(
        prog="manage.py up", description="Run the whole system here, in the foreground, until Ctrl-C."
    ).parse_args(argv)
    ready = False
    try:
        with stoppable(), system(data_directory(), os.environ, say=_say) as running:
            _say(_addresses(running))
            ready = True
            _follow(running)
    except Stopped as stopped:
        _say("stopped")
        return 0 if ready else stopped.exit_code
    except RagError as error:
        sys.stderr.write(f"{error.sentence}\n")
        return 1


def _follow(running: System) -> NoReturn:
    """Print what happens to processes and servers until somebody asks for the end."""
    told = 0
    while True:
        for event in running.supervisor.events[told:]:
            _say(event)
            told += 1
        time.sleep(_FOLLOW_SECONDS)


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
