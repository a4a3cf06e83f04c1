"""Where uploaded bytes are kept: under a random name, whole or not at all.

A blob is written and flushed to the disk before the row that names it commits. A blob that no row names is what an
interrupted upload left; the sweep removes it after a while.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from apps.documents.upload_limits import storage_errors, upload_too_large
from ragsite.core.configuration import StorageSettings, UploadSettings
from ragsite.core.ids import new_id


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes: `name` in the store, SHA-256 in hex, size in bytes."""

    name: str
    sha256: str
    size: int


def blob_write(parts: Iterable[bytes], *, tenant_id: UUID, filename: str) -> Blob:
    """Store bytes while hashing them. `filename` is for messages only.

    Raises:
        UploadTooLargeError: more bytes than one document may have.
        TransientError: the disk is full (`storage_full`) or cannot be written (`storage_failed`).
    """
    name = f"{tenant_id}/{new_id()}"
    path = blob_path(name)
    with storage_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _write(path, parts, name=name, filename=filename)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _write(path: Path, parts: Iterable[bytes], *, name: str, filename: str) -> Blob:
    digest, size, most = hashlib.sha256(), 0, UploadSettings.current().max_bytes
    with path.open("xb") as file:
        for part in parts:
            size += len(part)
            if size > most:
                raise upload_too_large(filename)
            digest.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return Blob(name=name, sha256=digest.hexdigest(), size=size)


def blob_path(name: str) -> Path:
    """Where a blob lies on this machine."""
    return StorageSettings.current().blob_dir / name


def blob_delete(name: str) -> None:
    """Remove a blob; a missing one is no error."""
    blob_path(name).unlink(missing_ok=True)


def blobs_delete(names: Iterable[str]) -> None:
    """Remove blobs; missing ones are no error."""
    for name in names:
        blob_delete(name)


def blobs_after(position: str, *, limit: int) -> list[str]:
    """The first `limit` names of blobs after `position`, a name or "", in their order, which is that of tenants.

    Each folder is read as a stream, once a page: of a folder of a million blobs no more than a page is held.
    """
    tenant, _, after = position.partition("/")
    found: list[str] = []
    for folder in _folders(tenant):
        first = heapq.nsmallest(limit - len(found), _names(folder, after if folder == tenant else ""))
        found += [f"{folder}/{name}" for name in first]
        if len(found) == limit:
            break
    return found


def blob_is_older_than(name: str, seconds: float) -> bool:
    """Whether the blob was written longer ago than that; one that is gone was not."""
    try:
        return blob_path(name).stat().st_mtime < time.time() - seconds
    except FileNotFoundError:
        return False


def _folders(first: str) -> list[str]:
    """One for each tenant, in order, from `first` on."""
    try:
        with os.scandir(StorageSettings.current().blob_dir) as entries:
            return sorted(entry.name for entry in entries if entry.name >= first and entry.is_dir())
    except FileNotFoundError:
        return []


def _names(folder: str, after: str) -> Iterator[str]:
    with os.scandir(blob_path(folder)) as entries:
        yield from (entry.name for entry in entries if entry.name > after)
