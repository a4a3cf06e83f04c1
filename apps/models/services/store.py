"""The folder of downloaded models, which several processes and machines use at once.

A version is downloaded into a folder of its own under `.partial`, by whoever holds its lock, and appears under its name by one
rename once all of it was checked. So what can be found by a version's path is whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.models.errors import DiskFullError, QuotaExceededError
from ragsite.core.configuration import ModelStoreSettings
from ragsite.core.errors import TransientError

BUSY = "busy"
GIGABYTE = 1024**3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version of a hub's repository lies: `whole` once it is there, `partial` before."""

    whole: Path
    partial: Path
    lock: Path

    @classmethod
    def of(cls, source: str, revision: str, *, variant: str = "") -> Place:
        """The place of a commit, and within it of one of several files that can be taken."""
        root = ModelStoreSettings.current().folder
        repository = source.replace("/", "--")
        version = f"{revision}--{variant.replace('/', '--')}" if variant else revision
        name = f"{repository}--{version}"
        return cls(root / repository / version, root / ".partial" / name, root / ".locks" / name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep all others from this version's files while the block runs.

        Raises:
            TransientError: (code `busy`) another process is at them.
        """
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.lock.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TransientError(
                    f"Another process is at the files of {self.whole.name}.", code=BUSY, retry_after=2
                ) from None
            yield

    def publish(self) -> None:
        """Make the partial folder the whole one; if that is there already, it is the same."""
        self.whole.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.partial.rename(self.whole)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            self.discard()

    def discard(self) -> None:
        """Remove what was downloaded and is not whole."""
        shutil.rmtree(self.partial, ignore_errors=True)


def in_store(path: str) -> bool:
    """Whether a version's files are ours to remove; a folder that somebody registered is not."""
    root = ModelStoreSettings.current().folder
    return bool(path) and Path(path) != root and Path(path).is_relative_to(root)


def folder_remove(path: str) -> None:
    """Remove a version's files from the store: from one moment to the next it is not there, also for who is reading the list."""
    folder = Path(path)
    if not in_store(path) or not folder.is_dir():
        return
    doomed = ModelStoreSettings.current().folder / ".partial" / f"removed--{folder.parent.name}--{folder.name}"
    doomed.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
    if not any(folder.parent.iterdir()):
        folder.parent.rmdir()


def room_check(place: Place, total: int, *, promised: int = 0) -> None:
    """Refuse a download of `total` bytes that the quota or the disk has no room for, with what is `promised` to others.

    Raises:
        QuotaExceededError, DiskFullError: it is too large, with the numbers.
    """
    settings = ModelStoreSettings.current()
    there = bytes_in(place.partial)
    others = bytes_in(settings.folder) - there + promised
    if others + total > settings.quota_bytes:
        raise QuotaExceededError(
            f"{place.whole.parent.name} takes {_gigabytes(total)}, and of the {_gigabytes(settings.quota_bytes)} for models "
            f"{_gigabytes(others)} are taken."
        )
    settings.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.folder).free
    if total - there + promised > free:
        raise DiskFullError(
            f"{place.whole.parent.name} needs another {_gigabytes(total - there)} and the disk of {str(settings.folder)!r} has "
            f"{_gigabytes(free)} left."
        )


def bytes_in(folder: Path) -> int:
    """The sizes of all files below a folder."""
    return sum(_size(Path(at) / name) for at, _, names in os.walk(folder) for name in names)


def _size(file: Path) -> int:
    try:
        return file.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:,.2f} GB ({count:,} bytes)"
