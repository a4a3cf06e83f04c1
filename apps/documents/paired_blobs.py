"""Uploaded bytes where there are two stores: read from either and held against their hash, removed from both."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import storages

from apps.documents.upload_limits import storage_errors
from ragsite.core.errors import TransientError
from ragsite.core.models import BlobCopy
from ragsite.core.storage.hanging import in_time
from ragsite.core.storage.paired import OPEN_SECONDS, DamagedBlobError, PairedBlobs
from ragsite.core.storage.places import SECOND
from ragsite.core.storage.scratch import scratch_file
from ragsite.core.storage.store import BlobStore

logger = logging.getLogger(__name__)

PIECE_BYTES = 1024 * 1024
SLOW_SECONDS, SLOWEST = 10.0, 1024 * 1024
"""A store that after so many seconds has given fewer than so many bytes a second counts as one that does not answer."""


class _NoRoomError(Exception):
    """This machine could not keep what a store gave: no fault of the store. Its cause is the OSError."""


def second_store() -> BlobStore | None:
    """The store that blobs are copied to; None where there is none."""
    return cast(BlobStore, storages["second_blobs"]) if "second_blobs" in settings.STORAGES else None


def paired_store() -> PairedBlobs | None:
    """Both stores as one; None where there is no second."""
    return cast(PairedBlobs, storages["paired_blobs"]) if "paired_blobs" in settings.STORAGES else None


@contextmanager
def checked_file(pair: PairedBlobs, name: str, sha256: str) -> Iterator[Path]:
    """A file with the bytes of this hash for as long as the block lasts, from whichever store has them.

    Raises:
        FileNotFoundError, DamagedBlobError, TransientError, OSError: as `PairedBlobs.of_either`, before the block begins.
    """
    with ExitStack() as stack:
        yield _from_either(pair, name, sha256, stack)


def checked_open(pair: PairedBlobs, name: str, sha256: str) -> IO[bytes]:
    """As `checked_file`, as a stream to be read and closed: no byte of it is given before all are known to be right."""
    with ExitStack() as stack:
        file = stack.enter_context(_from_either(pair, name, sha256, stack).open("rb"))
        return cast(IO[bytes], _Kept(file, stack.pop_all()))


def copies_remove(names: Collection[str]) -> None:
    """Remove the copies of these blobs. What can't be removed now, or is being copied, is left to the job `blobs-copy`."""
    pair = paired_store()
    if pair is None:
        return
    copies = BlobCopy.objects.filter(name__in=names, copied_at__isnull=False)
    copied = list(copies.order_by("name").values_list("name", flat=True))
    if not copied:
        return
    try:
        with storage_errors():
            pair.guarded(SECOND, lambda second: second.remove(copied))
    except TransientError as error:
        logger.warning("%d copies are left to the job blobs-copy: %s", len(copied), error.sentence)
        return
    BlobCopy.objects.filter(name__in=copied, copied_at__isnull=False).delete()


class _Kept(File):  # type: ignore[type-arg]
    """A file that lasts until it is closed, with what it rests on."""

    def __init__(self, file: IO[bytes], stack: ExitStack) -> None:
        super().__init__(file, name=file.name)
        self._stack = stack

    def close(self) -> None:
        self._stack.close()


def _from_either(pair: PairedBlobs, name: str, sha256: str, stack: ExitStack) -> Path:
    try:
        return pair.of_either(partial(_of_one, name=name, sha256=sha256, stack=stack))
    except _NoRoomError as error:
        raise cast(OSError, error.__cause__) from None


def _of_one(store: BlobStore, *, name: str, sha256: str, stack: ExitStack) -> Path:
    """The bytes of one store, as a file: its own, or a copy."""
    path, digest = _in_place(store, name) if store.is_local else _fetched(store, name, stack)
    if digest != sha256:
        raise DamagedBlobError(f"{name} has other bytes than were written")
    return path


def _in_place(store: BlobStore, name: str) -> tuple[Path, str]:
    path, place = Path(store.path(name)), store.path("")
    size = in_time(lambda: path.stat().st_size, place=place, seconds=OPEN_SECONDS)
    return path, in_time(partial(_digest, path), place=place, seconds=SLOW_SECONDS + size / SLOWEST)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(store: BlobStore, name: str, stack: ExitStack) -> tuple[Path, str]:
    with _room():
        copy = stack.enter_context(scratch_file())
    digest, size, begun = hashlib.sha256(), 0, time.monotonic()
    with store.open(name) as stored:
        while piece := stored.read(PIECE_BYTES):
            size += len(piece)
            digest.update(piece)
            with _room():
                copy.write(piece)
            if time.monotonic() - begun > SLOW_SECONDS + size / SLOWEST:
                raise _too_slow()
    with _room():
        copy.flush()
    return Path(copy.name), digest.hexdigest()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _NoRoomError from error


def _too_slow() -> TransientError:
    return TransientError(
        "The storage for documents answers too slowly.",
        code="storage_failed",
        action="Look at its server, then try again.",
    )
