#!/usr/bin/env python
"""The operator's door. A command finds the embedded servers, or starts them for itself, when no address is given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module

AS_OWNER = {"migrate", "flush", "dbshell"}
"""Commands that change the schema: they log in as the role that owns it, which the application never does."""

ONE_MACHINE = {
    "demo": ("ragsite.stack.demo", "samples in, three questions answered, everything stopped again"),
    "up": ("ragsite.stack.up", "run the whole system here until Ctrl-C"),
    "stack": ("ragsite.stack.cli", "the embedded servers alone: up, down, status, env"),
    "evaluate": ("apps.retrieval.evaluation.one_machine", "how good the search is on a data set in a folder"),
}
"""Commands that come before Django: they start the servers whose addresses its settings need."""

HELP = {"-h", "--help"}
NOWHERE = {
    "DATABASE_URL": "postgresql://nowhere", "REDIS_URL": "redis://nowhere", "KAFKA_BOOTSTRAP_SERVERS": "nowhere:1",
    "RAGSITE_SECRET_KEY": "0" * 40,
}  # fmt: skip
"""What the settings need to be read while help is printed, which reaches no server."""


def main(argv: list[str]) -> int:
    try:
        return _main(_with_help_last(argv))
    except KeyboardInterrupt as stopped:
        return getattr(stopped, "exit_code", 130)


def _main(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    command, asks_for_help = argv[1], bool(HELP.intersection(argv[1:]))
    if command == "help" or (asks_for_help and command not in {"demo", "up", "stack"}):
        return _help(argv)

    from ragsite.core.commands.exits import error_write
    from ragsite.core.environment import VARIABLES
    from ragsite.core.errors import RagError
    from ragsite.core.setting_files import files_take_in
    from ragsite.stack.local import local_environment
    from ragsite.stack.stopping import FATAL_SIGNALS, stoppable

    try:
        files_take_in(VARIABLES, os.environ)
        if command in ONE_MACHINE:
            entry: Callable[[list[str]], int] = import_module(ONE_MACHINE[command][0]).main
            return entry(argv[2:])
        with stoppable(FATAL_SIGNALS), local_environment(as_owner=command in AS_OWNER):
            _django(argv)
    except RagError as error:
        return error_write(error, stdout=sys.stdout if "--json" in argv else None, stderr=sys.stderr)
    return 0


def _with_help_last(argv: list[str]) -> list[str]:
    """The same call, with a command in second place: `manage.py`, `manage.py --help`, `manage.py help up`."""
    program, *rest = argv
    if not rest or rest[0] in HELP:
        return [program, "help"]
    if rest[0] == "help" and rest[1:2] and not rest[1].startswith("-"):
        return [program, rest[1], "--help"]
    return argv


def _help(argv: list[str]) -> int:
    """Django's help, which starts nothing; the list of all commands begins with those that Django knows nothing of."""
    from django.core.management import execute_from_command_line

    for name, value in NOWHERE.items():
        os.environ.pop(f"{name}_FILE", None)
        os.environ.setdefault(name, value)
    if argv[1] == "help" and "--commands" not in argv:
        lines = (f"    {name:<12}{what}\n" for name, (_, what) in ONE_MACHINE.items())
        sys.stdout.write(f"\nOn one machine; start with the first:\n{''.join(lines)}")
    execute_from_command_line(argv)
    return 0


def _django(argv: list[str]) -> None:
    """Our commands say themselves what ended them; here are Django's own, and settings that can't be read."""
    from django.core.management import execute_from_command_line
    from django.db import Error

    try:
        execute_from_command_line(argv)
    except Error as error:
        from ragsite.core.commands.reaching import told_error

        if (told := told_error(error)) is None:
            raise
        raise told from error


if __name__ == "__main__":
    sys.exit(main(sys.argv))
