"""Where uploaded bytes are kept: under a random name, whole or not at all, in `STORAGES["blobs"]`.

A blob is durable before the row that names it commits. A blob that no row names is what an interrupted upload left; the
sweep removes it after a while. With a second store, blobs are read from the one that has the bytes which a row says; see
`apps.documents.paired_blobs`.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from uuid import UUID

from django.core.files.storage import storages

from apps.documents.paired_blobs import checked_file, checked_open, copies_remove, paired_store
from apps.documents.upload_limits import storage_errors, upload_too_large
from ragsite.core.backing_up import backup_under_way
from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import PermanentError, TransientError
from ragsite.core.ids import new_id
from ragsite.core.storage.paired import DamagedBlobError
from ragsite.core.storage.scratch import scratch_file
from ragsite.core.storage.store import BlobStore, Parts

logger = logging.getLogger(__name__)
PIECE_BYTES = 1024 * 1024


class BlobMissingError(PermanentError):
    """A version names bytes that are not in the store."""

    code = "blob_missing"
    action = "Upload the document again."


class BlobDamagedError(PermanentError):
    """No store has the bytes that a version was made of."""

    code = "blob_damaged"
    action = "Upload the document again."


@dataclass(frozen=True, slots=True)
class Blob:
    """Stored bytes: `name` in the store, SHA-256 in hex, size in bytes."""

    name: str
    sha256: str
    size: int


def blob_store() -> BlobStore:
    """The store that blobs are written to: the only one, or the first."""
    return cast(BlobStore, storages["blobs"])


def blob_write(parts: Iterable[bytes], *, tenant_id: UUID, filename: str) -> Blob:
    """Store bytes while hashing them. `filename` is for messages only.

    Raises:
        UploadTooLargeError: more bytes than one document may have.
        TransientError: the store is full (`storage_full`), cannot be written or does not answer (`storage_failed`).
    """
    name, meter = f"{tenant_id}/{new_id()}", _Meter(filename)
    with storage_errors():
        blob_store().save(name, Parts(meter.passing(parts)))
    return Blob(name=name, sha256=meter.sha256, size=meter.size)


@contextmanager
def blob_write_looked_at(parts: Iterable[bytes], *, tenant_id: UUID, filename: str) -> Iterator[tuple[Blob, Path]]:
    """As `blob_write`, with a file of the same bytes for as long as the block lasts: nothing is fetched again to look at it."""
    if blob_store().is_local:
        blob = blob_write(parts, tenant_id=tenant_id, filename=filename)
        yield blob, blob_path(blob.name)
        return
    with _scratch() as copy:
        blob = blob_write(_copied(parts, copy), tenant_id=tenant_id, filename=filename)
        yield blob, _flushed(copy)


@contextmanager
def blob_file(name: str, *, sha256: str = "") -> Iterator[Path]:
    """A file with the blob's bytes for as long as the block lasts: its own, or a copy where blobs are no files here.

    With a hash, and a second store, the bytes are those of the hash, from whichever store has them.

    Raises:
        BlobMissingError: there is no such blob.
        BlobDamagedError: neither store has its bytes.
        TransientError: it can't be read now.
    """
    if sha256 and (pair := paired_store()):
        with ExitStack() as stack:
            with _read_errors():
                path = stack.enter_context(checked_file(pair, name, sha256))
            yield path
        return
    if blob_store().is_local:
        path = blob_path(name)
        if not path.exists():
            raise _missing()
        yield path
        return
    with _scratch() as copy:
        _fetch(name, copy)
        yield _flushed(copy)


def blob_open(name: str, *, sha256: str = "") -> IO[bytes]:
    """The blob's bytes, to be read as a stream and closed. With a hash as in `blob_file`.

    Raises:
        BlobMissingError: there is no such blob.
        BlobDamagedError: neither store has its bytes.
        TransientError: it can't be read now.
    """
    with _read_errors():
        if sha256 and (pair := paired_store()):
            return checked_open(pair, name, sha256)
        return cast(IO[bytes], blob_store().open(name))


def blob_path(name: str) -> Path:
    """Where a blob lies on this machine. Raises NotImplementedError: blobs are no files here."""
    return Path(blob_store().path(name))


def blobs_delete(names: Collection[str]) -> None:
    """Remove blobs; missing ones are no error. Of a second store whatever can't be removed now goes later, by a job.

    Raises:
        TransientError: some may still be there.
    """
    copies_remove(names)
    with storage_errors():
        blob_store().remove(names)


def blobs_release(names: Collection[str]) -> None:
    """Remove blobs that rows named until the transaction which has just committed. While a backup may still copy them they stay,
    and are the sweep's afterwards.

    Raises:
        TransientError: some may still be there.
    """
    if names and not backup_under_way():
        blobs_delete(names)


def blobs_discard(names: Collection[str]) -> None:
    """Remove blobs that no row names, if the store lets us: whatever comes to the sweep instead is no harm to the caller."""
    try:
        blobs_delete(names)
    except TransientError as error:
        logger.warning("%d blobs are left to the sweep: %s", len(names), error.sentence)


def blobs_after(position: str, *, limit: int) -> list[str]:
    """The first `limit` names of blobs after `position`, a name or "", in their order, which is that of tenants."""
    return blob_store().names_after(position, limit=limit)


def blobs_older_than(names: Collection[str], seconds: float) -> list[str]:
    """Those of the names whose blobs are there and were written longer ago than that."""
    return blob_store().older_than(names, seconds)


class _Meter:
    """What bytes come to while they pass, up to what one document may have."""

    def __init__(self, filename: str) -> None:
        self.size = 0
        self._filename = filename
        self._digest = hashlib.sha256()

    def passing(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        for part in parts:
            self.size += len(part)
            if self.size > UploadSettings.current().max_bytes:
                raise upload_too_large(self._filename)
            self._digest.update(part)
            yield part

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def _scratch() -> Iterator[IO[bytes]]:
    """A file that lasts as long as the block; only its making is an error of the storage."""
    with ExitStack() as stack:
        with storage_errors():
            file = stack.enter_context(scratch_file())
        yield file


def _copied(parts: Iterable[bytes], copy: IO[bytes]) -> Iterator[bytes]:
    for part in parts:
        copy.write(part)
        yield part


def _fetch(name: str, copy: IO[bytes]) -> None:
    with _read_errors(), blob_store().open(name) as stored:
        shutil.copyfileobj(stored, copy, PIECE_BYTES)


@contextmanager
def _read_errors() -> Iterator[None]:
    """Within the block, what keeps a blob from being read is one of our errors."""
    with storage_errors():
        try:
            yield
        except FileNotFoundError as error:
            raise _missing() from error
        except DamagedBlobError as error:
            raise BlobDamagedError("The stored bytes are not those that were uploaded.") from error


def _flushed(copy: IO[bytes]) -> Path:
    with storage_errors():
        copy.flush()
    return Path(copy.name)


def _missing() -> BlobMissingError:
    return BlobMissingError("The stored bytes are missing.")
