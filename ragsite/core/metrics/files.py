"""Metrics of a worker that forks: each child counts in files of its own, and the parent tells all of them together.

A child's files are named after its place in the pool, not after its process: the next child at that place goes on with the
counts of the last, so that nothing counted is lost and, however many children come and go, there are no more files than
places. Two processes are never at one place. The folder goes with the parent; that of a parent which was killed is removed by
the next that starts.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from pathlib import Path

import psutil
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

logger = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client finds the folder."""

PREFIX = "ragsite-metrics-"
PARENT = "parent"
_NAME = re.compile(rf"{PREFIX}(\d+)-\w+")
_place = PARENT


def files_begin(*, below: Path | None = None) -> Path:
    """Count in files from now on, here and in what is forked. To be called before a metric is first used.

    Raises:
        OSError: no folder can be made.
    """
    root = below or Path(tempfile.gettempdir())
    leftovers_remove(root)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=root))
    os.environ[FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: _place)  # type: ignore[no-untyped-call]
    return folder


def files_of_child(place: int) -> None:
    """Go on, in a process that was forked, with the counts of its place. What the last process there had of gauges is gone."""
    global _place
    _place = f"place{place}"
    if folder := os.environ.get(FOLDER):
        mark_process_dead(_place, folder)  # type: ignore[no-untyped-call]


def files_registry() -> CollectorRegistry:
    """What all processes of this worker counted."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def files_end(folder: Path) -> None:
    """Remove the folder; what is counted from now on is told nobody."""
    shutil.rmtree(folder, ignore_errors=True)


def leftovers_remove(root: Path) -> None:
    """Remove the folders of our user's workers that are no more."""
    for folder in root.glob(f"{PREFIX}*"):
        found = _NAME.fullmatch(folder.name)
        if found and not psutil.pid_exists(int(found[1])) and _is_ours(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    except FileNotFoundError:
        return False
