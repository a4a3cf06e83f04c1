"""Where a benchmark runs: a folder of its own, removed afterwards, with everything that belongs to the system in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import django


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for everything, which PostgreSQL's own user can enter too."""
    path = Path(tempfile.mkdtemp(prefix="ragsite-benchmark-"))
    path.chmod(0o755)
    os.environ["RAGSITE_DATA_DIR"] = str(path)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def measured(module: str, function: str, *arguments: Any) -> dict[str, Any]:
    """Call a function of a module that needs Django's settings, which need the servers' addresses."""
    django.setup()
    found: dict[str, Any] = getattr(import_module(module), function)(*arguments)
    return found


def say(text: str) -> None:
    """Tell how far it is, apart from the figures."""
    print(text, file=sys.stderr, flush=True)
