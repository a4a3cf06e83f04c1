"""Blobs as files below RAGSITE_DATA_DIR, or in a folder of another disk: a folder for each tenant."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage

from ragsite.core.configuration import StorageSettings
from ragsite.core.errors import TransientError
from ragsite.core.storage.places import SECOND_SETTING


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
                path.unlink(missing_ok=True)
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
    nothing counts as removed.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._given = Path(folder)

    @property
    def folder(self) -> Path:
        return self._given

    def remove(self, names: Collection[str]) -> None:
        self.check()
        super().remove(names)

    def names_after(self, position: str, *, limit: int) -> list[str]:
        self.check()
        return super().names_after(position, limit=limit)

    def check(self) -> None:
        if not self.folder.is_dir() or not os.access(self.folder, os.W_OK | os.X_OK):
            raise TransientError(
                f"The folder {self.folder} for copies of documents is missing or cannot be written.",
                code="storage_failed",
                action=f"Mount or make it, or correct {SECOND_SETTING}.",
            )

    def _make(self, folder: Path) -> None:
        self.check()
        folder.mkdir(mode=0o700, exist_ok=True)


def _for_this_user_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
