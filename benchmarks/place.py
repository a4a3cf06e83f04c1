"""Where a benchmark runs: a folder of its own, removed afterwards, with everything that belongs to the system in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import django

PROJECT = Path(__file__).resolve().parents[1]


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


@contextlib.contextmanager
def database(**settings: str) -> Iterator[None]:
    """Servers of their own with an empty database in its present form, and Django set up for them with the fake model.

    `settings` are environment variables beside those.
    """
    stack = import_module("ragsite.stack.stack")
    with folder() as place:
        os.environ.update(RAGSITE_SECRET_KEY="benchmark-only-" + "0" * 40, RAGSITE_MODEL_TRANSPORT="fake", **settings)
        for given in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            os.environ.pop(given, None)
        with stack.Stack(place / "stack", {}).session() as urls:
            os.environ.update(urls)
            owner = {**os.environ, "DATABASE_URL": os.environ["DATABASE_OWNER_URL"]}
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=PROJECT, env=owner, check=True)
            django.setup()
            yield


def measured(module: str, function: str, *arguments: Any) -> dict[str, Any]:
    """Call a function of a module that needs Django's settings, which need the servers' addresses."""
    django.setup()
    found: dict[str, Any] = getattr(import_module(module), function)(*arguments)
    return found


def say(text: str) -> None:
    """Tell how far it is, apart from the figures."""
    print(text, file=sys.stderr, flush=True)
