"""`manage.py evaluate`: the command on this machine's servers, brought up to date first where they are embedded."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.retrieval.evaluation.folder import beir_folder
from ragsite.core.commands.exits import error_write
from ragsite.core.errors import RagError
from ragsite.stack.local import local_environment
from ragsite.stack.stopping import Stopped, stoppable
from ragsite.stack.system import schema_prepare


def main(argv: Sequence[str]) -> int:
    """Servers given by URL are taken as they are: their schema and model are their operator's.

    What was named is looked at first, before anything is started.
    """
    given = bool(os.environ.get("DATABASE_URL"))
    try:
        if argv and not argv[0].startswith("-"):
            beir_folder(Path(argv[0]))
        with stoppable(), local_environment():
            if not given:
                schema_prepare(os.environ)
            return _command(argv)
    except Stopped as stopped:
        return stopped.exit_code
    except RagError as error:
        return error_write(error, stdout=sys.stdout if "--json" in argv else None, stderr=sys.stderr)


def _command(argv: Sequence[str]) -> int:
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "evaluate", *argv])
    return 0
