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
    "stack": "ragsite.stack.cli",
    "up": "ragsite.stack.up",
    "demo": "ragsite.stack.demo",
    "evaluate": "ragsite.stack.evaluate",
}
"""Commands that come before Django: they start the servers whose addresses its settings need."""


def main(argv: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    if argv[1:2] and argv[1] in ONE_MACHINE:
        entry: Callable[[list[str]], int] = import_module(ONE_MACHINE[argv[1]]).main
        return entry(argv[2:])

    from ragsite.core.errors import RagError
    from ragsite.stack.local import local_environment

    try:
        with local_environment(as_owner=bool(AS_OWNER.intersection(argv[1:2]))):
            _django(argv)
    except RagError as error:
        print(error.sentence, file=sys.stderr)
        return 2
    return 0


def _django(argv: list[str]) -> None:
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from ragsite.core.errors import ConfigurationError

    try:
        execute_from_command_line(argv)
    except OperationalError as error:
        raise ConfigurationError(f"DATABASE_URL: {' '.join(str(error).split())}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv))
