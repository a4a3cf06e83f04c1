"""Files of this machine that last as long as a block: also a killed process leaves none for long."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ragsite.core.configuration import StorageSettings

FOLDER = "fetched"


@contextmanager
def scratch_file() -> Iterator[IO[bytes]]:
    """An empty file below RAGSITE_DATA_DIR, locked while the block lasts. Making one removes those that nobody locks.

    The kernel ends a lock with its process, however that ends, so no age has to be guessed.

    Raises:
        OSError: there is no room, or the folder cannot be written.
    """
    folder = StorageSettings.current().data_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone(folder):
        _sweep(folder)
        file = tempfile.NamedTemporaryFile(dir=folder)  # noqa: SIM115 - it outlives this block
        fcntl.flock(file, fcntl.LOCK_EX)
    with file:
        yield file


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: between being made and being locked a file looks like one that was left."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    for path in folder.iterdir():
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            continue
