"""Blobs as files below RAGSITE_DATA_DIR: a folder for each tenant."""

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


class FileBlobs(FileSystemStorage):
    """Each blob is written whole and flushed to the disk, or not at all. Other users of the machine can read none."""

    is_local = True

    @property
    def base_location(self) -> str:  # type: ignore[override]
        return str(StorageSettings.current().blob_dir)

    @property
    def location(self) -> str:  # type: ignore[override]
        return os.path.abspath(StorageSettings.current().blob_dir)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Names are new ones: one that is taken is an error, not another name."""
        return name

    def path(self, name: str) -> str:
        """Names are the store's own, as nobody gives one: they are not looked at again."""
        return f"{StorageSettings.current().blob_dir}/{name}"

    def _save(self, name: str, content: Any) -> str:
        path = self._at(name)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        folder = StorageSettings.current().blob_dir
        while not folder.exists():
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise TransientError(
                "The storage for documents cannot be written.", code="storage_failed", action="Check RAGSITE_DATA_DIR."
            )

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
            with os.scandir(StorageSettings.current().blob_dir) as entries:
                return sorted(entry.name for entry in entries if entry.name >= first and entry.is_dir())
        except FileNotFoundError:
            return []

    def _names(self, folder: str, after: str) -> Iterator[str]:
        with os.scandir(self._at(folder)) as entries:
            yield from (entry.name for entry in entries if entry.name > after)


def _for_this_user_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
