"""`manage.py up`: the system in the foreground until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import NoReturn

from ragsite.core.commands.exits import error_write
from ragsite.core.commands.parsers import About, Prints, parser_describe
from ragsite.core.errors import RagError
from ragsite.stack.foreseeing import processes_foreseen, start_foreseen
from ragsite.stack.local import data_directory
from ragsite.stack.stack import Stack
from ragsite.stack.stopping import Stopped, stoppable
from ragsite.stack.system import System, system

_FOLLOW_SECONDS = 0.5


def parser() -> argparse.ArgumentParser:
    """The parser, with what the command says of itself."""
    made = argparse.ArgumentParser(prog="manage.py up")
    about = About(
        sentence="Run the whole system here, in the foreground, until Ctrl-C.",
        examples=(
            ("manage.py up", "servers, schema, first login, web process and workers"),
            ("RAGSITE_WEB_PORT=9000 manage.py up", "with the web process at another port"),
        ),
        notes=("Once it is ready Ctrl-C is how it ends, with 0.",),
        changes=True,
        prints=Prints.NOTHING,
        resumed="Run it again: all data stays.",
    )
    parser_describe(made, about)
    return made


def main(argv: Sequence[str]) -> int:
    """Start everything, print the addresses, wait for a signal, stop everything."""
    if parser().parse_args(argv).dry_run:
        return _foresee()
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
        return error_write(error, stdout=None, stderr=sys.stderr)


def _foresee() -> int:
    _say(start_foreseen(Stack(data_directory() / "stack", os.environ)))
    _say("The schema would be brought up to date, and what a new installation needs be made.")
    _say(f"{processes_foreseen(os.environ)} Nothing was changed.")
    return 0


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
