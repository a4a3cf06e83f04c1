"""Moving to another store: what is in the configured one is copied, and nothing is removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from django.conf import settings
from django.core.files.storage import storages

from apps.documents.blobs import blob_store, blobs_after
from apps.documents.upload_limits import storage_errors
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.storage.places import blob_place, storage_at
from ragsite.core.storage.store import BlobStore, Parts

PAGE = 10_000


@dataclass(frozen=True, slots=True)
class Copied:
    """How many blobs of a page were copied, and how many were there already."""

    copied: int
    there: int


def blobs_copy(target: str, *, dry_run: bool = False) -> Iterator[Copied]:
    """Copy every blob to another place, given as RAGSITE_BLOB_STORE gives it; a result for each page of names. A dry run copies
    nothing, and counts what would be.

    A blob is whole wherever it is, so those already there are skipped: copying again resumes an interrupted copy. Blobs
    that are deleted meanwhile are passed over too.

    Raises:
        PermanentError: that is no place, or the one where the blobs are.
        TransientError: one of the two can't be read or written now.
    """
    store = _store_at(target)
    position = ""
    while names := blobs_after(position, limit=PAGE):
        there = _there(store, position, names[-1])
        missing = [name for name in names if name not in there]
        copied = len(missing) if dry_run else sum(_copy(name, store) for name in missing)
        yield Copied(copied=copied, there=len(names) - len(missing))
        position = names[-1]


def _store_at(target: str) -> BlobStore:
    try:
        entry = storage_at(blob_place(target))
    except ValueError as error:
        raise PermanentError(f"The target {error}.") from error
    if entry == settings.STORAGES["blobs"]:
        raise ConflictError("The blobs are already there.", action="Give the place to copy them to.")
    store = cast(BlobStore, storages.create_storage(entry))
    store.check()
    return store


def _there(store: BlobStore, position: str, last: str) -> set[str]:
    """The names that the store has after the position, up to the last."""
    there: set[str] = set()
    while position < last and (names := store.names_after(position, limit=PAGE)):
        there.update(names)
        position = names[-1]
    return there


def _copy(name: str, target: BlobStore) -> bool:
    """Whether the blob was there to be copied."""
    with storage_errors():
        try:
            with blob_store().open(name) as stored:
                target.save(name, Parts(stored.chunks(1024 * 1024)))
        except FileNotFoundError:
            return False
    return True
