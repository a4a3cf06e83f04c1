"""Blobs as files below RAGSITE_DATA_DIR, or in a folder of another disk: a folder for each tenant."""

from __future__ import annotations

import contextlib
import heapq
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from ragsite.core.configuration import StorageSettings
from ragsite.core.errors import TransientError
from ragsite.core.storage.hanging import in_time
from ragsite.core.storage.places import SECOND_SETTING
from ragsite.core.storage.store import Parts

Item = TypeVar("Item")
Result = TypeVar("Result")

STALLED_SECONDS, ASKING_SECONDS = 10.0, 3.0
"""A folder of another disk that does nothing for so long counts as one that hangs; whether something is there it says sooner."""

SLOWEST = 1024 * 1024
"""Bytes a second at which a disk takes what it was given, at the least."""


class FileBlobs(FileSystemStorage):
    """Each blob is written whole and flushed to the disk, or not at all. Other users of the machine can read none."""

    is_local = True

    @property
    def folder(self) -> Path:
        """What all tenants' folders lie in."""
        return StorageSettings.current().blob_dir

    @property
    def base_location(self) -> str:  # type: ignore[override]
        return str(self.folder)

    @property
    def location(self) -> str:  # type: ignore[override]
        return os.path.abspath(self.folder)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Names are new ones: one that is taken is an error, not another name."""
        return name

    def path(self, name: str) -> str:
        """Names are the store's own, as nobody gives one: they are not looked at again."""
        return f"{self.folder}/{name}"

    def _save(self, name: str, content: Any) -> str:
        path = self._at(name)
        self._make(path.parent)
        with open(path, "xb", opener=_for_this_user_alone) as file:
            try:
                for part in content.chunks():
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                _remove_own(file, path)
                raise
        return name

    def remove(self, names: Collection[str]) -> None:
        for name in names:
            self._at(name).unlink(missing_ok=True)

    def names_after(self, position: str, *, limit: int) -> list[str]:
        """Each folder is read as a stream, once a page: of a folder of a million blobs no more than a page is held."""
        tenant, _, after = position.partition("/")
        found: list[str] = []
        for folder in self._folders(tenant):
            first = heapq.nsmallest(limit - len(found), self._names(folder, after if folder == tenant else ""))
            found += [f"{folder}/{name}" for name in first]
            if len(found) == limit:
                break
        return found

    def older_than(self, names: Collection[str], seconds: float) -> list[str]:
        moment = time.time() - seconds
        return [name for name in names if self._written(name) < moment]

    def check(self) -> None:
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise TransientError(
                "The storage for documents cannot be written.", code="storage_failed", action="Check RAGSITE_DATA_DIR."
            )

    def _make(self, folder: Path) -> None:
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _at(self, name: str) -> Path:
        return Path(self.path(name))

    def _written(self, name: str) -> float:
        """When, in seconds of the clock; never for one that is gone."""
        try:
            return self._at(name).stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def _folders(self, first: str) -> list[str]:
        """One for each tenant, in order, from `first` on."""
        try:
            with os.scandir(self.folder) as entries:
                return sorted(entry.name for entry in entries if entry.name >= first and entry.is_dir())
        except FileNotFoundError:
            return []

    def _names(self, folder: str, after: str) -> Iterator[str]:
        with os.scandir(self._at(folder)) as entries:
            yield from (entry.name for entry in entries if entry.name > after)


class FolderBlobs(FileBlobs):
    """In a folder that the operator has made. Where it is missing its disk is not mounted: nothing is written in its place, and
    nothing counts as removed. One that hangs, as a disk of the network may, holds nobody for long: a TransientError says so.

    What is read of an opened file is the reader's to bound.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._given = Path(folder)

    @property
    def folder(self) -> Path:
        return self._given

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        return self._in_time(lambda: super(FolderBlobs, self).open(name, mode), seconds=ASKING_SECONDS)

    def remove(self, names: Collection[str]) -> None:
        counted = _Counted(names)
        self._in_time(lambda: self._remove(counted), progress=counted.count)

    def names_after(self, position: str, *, limit: int) -> list[str]:
        self.check()
        return super().names_after(position, limit=limit)

    def check(self) -> None:
        self._in_time(lambda: folder_check(self.folder), seconds=ASKING_SECONDS)

    def _save(self, name: str, content: Any) -> str:
        """A slow disk may take its time, as long as it takes piece after piece, and at the end all at once. If it is given up,
        what was written goes when the disk is back: its content ends with an error, as it is closed by then.
        """
        parts = _Counted(content.chunks(), weight=len)
        return self._in_time(
            lambda: super(FolderBlobs, self)._save(name, Parts(parts)),
            seconds=lambda: STALLED_SECONDS + parts.count() / SLOWEST,
            progress=parts.count,
        )

    def _make(self, folder: Path) -> None:
        folder_check(self.folder)
        folder.mkdir(mode=0o700, exist_ok=True)

    def _remove(self, names: Iterable[str]) -> None:
        folder_check(self.folder)
        for name in names:
            self._at(name).unlink(missing_ok=True)

    def _in_time(
        self,
        work: Callable[[], Result],
        *,
        seconds: float | Callable[[], float] | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> Result:
        try:
            return in_time(work, place=str(self.folder), seconds=seconds or STALLED_SECONDS, progress=progress)
        except TimeoutError as error:
            raise TransientError(
                f"The folder {self.folder} for copies of documents does not answer.",
                code="storage_failed",
                action="See to its disk and to the network in between. Nothing waits for it.",
            ) from error


class _Counted(Iterable[Item]):
    """Items, of which it is known how many were asked for, or how much they weigh together."""

    def __init__(self, items: Iterable[Item], *, weight: Callable[[Item], int] = lambda _: 1) -> None:
        self._items, self._weight, self._asked = items, weight, 0

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self._asked += self._weight(item)
            yield item

    def count(self) -> int:
        return self._asked


def folder_check(folder: Path) -> None:
    """Raises TransientError: copies can't be kept there. As long as the disk takes."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise TransientError(
            f"The folder {folder} for copies of documents is missing or cannot be written.",
            code="storage_failed",
            action=f"Mount or make it, or correct {SECOND_SETTING}.",
        )


def _remove_own(file: IO[bytes], path: Path) -> None:
    """Remove what was written, unless another has taken its place meanwhile: who was held up by a disk that hung is late."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            path.unlink()


def _for_this_user_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
