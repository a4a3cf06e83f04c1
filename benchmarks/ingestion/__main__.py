"""Measures the write side on this machine, side by side with its peers, and prints ratios.

    python -m benchmarks.ingestion [--json] [--documents 2000] [--rounds 3] [--parts NAME ...]

A whole system is started in a temporary folder, fed over HTTP, and stopped again. Each ratio is the median of rounds in
which the two sides took turns. What is measured is told as it comes; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from benchmarks.ingestion.options import PARTS, Options
from ragsite.stack.local import local_environment
from ragsite.stack.system import System, system


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion", description="Measure the write side.")
    parser.add_argument("--json", action="store_true", help="print nothing on standard output but the JSON object")
    parser.add_argument("--documents", type=int, default=2000, help="documents of the whole way (default 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each comparison is made (default 3)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="measure only these")
    given = parser.parse_args(argv)
    options = Options(documents=given.documents, rounds=given.rounds, parts=frozenset(given.parts))
    with _folder() as folder, local_environment():
        found: dict[str, Any] = {}
        with system(folder, os.environ, say=_say) as running:
            found |= _measure("with_system", running, options)
        found |= _measure("without_system", None, options)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))
    return 0


def _measure(function: str, running: System | None, options: Options) -> dict[str, Any]:
    """Call a function of the module that needs Django's settings, which need the servers' addresses."""
    django.setup()
    measured: dict[str, Any] = getattr(import_module("benchmarks.ingestion.measuring"), function)(running, options)
    return measured


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for everything, which PostgreSQL's own user can enter too."""
    folder = Path(tempfile.mkdtemp(prefix="ragsite-benchmark-"))
    folder.chmod(0o755)
    os.environ["RAGSITE_DATA_DIR"] = str(folder)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
