"""Bytes on their way into a place of backups, or out of it: several at once, each held against the digest that it must have."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from apps.documents.blobs import PIECE_BYTES, BlobDamagedError, BlobMissingError, blob_open
from apps.documents.upload_limits import storage_errors
from ragsite.backups.manifest import DamagedBackupError, Fault, StoredFile, Total
from ragsite.backups.places import BLOBS, BackupPlace, Entry

AT_ONCE = 4
"""Files that are copied or read at once."""

MODELS = "models"
MISSING, OTHER_BYTES = "it is missing", "its bytes are others than they must be"

Item = TypeVar("Item")
Result = TypeVar("Result")
Tell = Callable[[int], None]
"""Is told how many files more are done."""


class _OtherBytesError(Exception):
    """What was read is not what it must be."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is to be copied: as it must be, and where it is read."""

    file: StoredFile
    read: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Copies:
    """What came of copying: how much there was, and what could not be copied."""

    total: Total
    faults: list[Fault]


def missing_of(wanted: Iterable[StoredFile], there: Iterable[Entry]) -> Iterator[StoredFile]:
    """Those that are not there in their size. Both come in the order of their names, and neither is held as a whole."""
    entries = iter(there)
    entry = next(entries, None)
    for file in wanted:
        while entry is not None and entry.name < file.name:
            entry = next(entries, None)
        if entry is None or entry != Entry(file.name, file.bytes):
            yield file


def blobs_copy(place: BackupPlace, wanted: Callable[[], Iterator[StoredFile]], *, tell: Tell) -> Copies:
    """Copy the blobs that the place lacks. What is there was whole when it was written, and is not read again."""
    named = (replace(file, name=f"{BLOBS}/{file.name}") for file in wanted())
    missing = missing_of(named, place.entries(BLOBS))
    sources = (
        Source(file, partial(blob_parts, file.name.removeprefix(f"{BLOBS}/"), sha256=file.sha256)) for file in missing
    )
    return _copied(place, sources, wanted(), tell)


def models_copy(place: BackupPlace, wanted: Iterable[tuple[StoredFile, Path]], *, tell: Tell) -> Copies:
    """Copy files of models that the place lacks, each under its digest."""
    there = {entry.name: entry.bytes for entry in place.entries(MODELS)}
    found = list(wanted)
    by_digest = {f"{MODELS}/{file.sha256}": (file, at) for file, at in found}
    sources = (
        Source(replace(file, name=name), partial(_file, at))
        for name, (file, at) in by_digest.items()
        if there.get(name) != file.bytes
    )
    return _copied(place, sources, (file for file, _ in found), tell)


def file_write(place: BackupPlace, name: str, parts: Iterable[bytes]) -> StoredFile:
    """Write a file and say what it has become."""
    digest, size = hashlib.sha256(), 0

    def passing() -> Iterator[bytes]:
        nonlocal size
        for part in parts:
            size += len(part)
            digest.update(part)
            yield part

    place.write(name, passing())
    return StoredFile(name, size, digest.hexdigest())


def fault_of(file: StoredFile, read: Callable[[], Iterator[bytes]]) -> Fault | None:
    """Read a file, and say what is wrong with it."""
    try:
        for _ in checked(read(), file):
            pass
    except (FileNotFoundError, BlobMissingError):
        return Fault(file.name, MISSING)
    except _OtherBytesError:
        return Fault(file.name, OTHER_BYTES)
    return None


def checked(parts: Iterable[bytes], file: StoredFile) -> Iterator[bytes]:
    """The parts; after the last an error, if they are not the file's."""
    digest, size = hashlib.sha256(), 0
    for part in parts:
        size += len(part)
        digest.update(part)
        yield part
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise _OtherBytesError(file.name)


def from_backup(place: BackupPlace, name: str, file: StoredFile) -> Iterator[bytes]:
    """A file of a backup as it is copied back.

    Raises:
        DamagedBackupError: it is missing or damaged.
    """
    try:
        yield from checked(place.read(name), file)
    except (FileNotFoundError, _OtherBytesError) as error:
        raise DamagedBackupError(f"{name} of {place.address} is missing or damaged.") from error


def blob_parts(name: str, *, sha256: str = "") -> Iterator[bytes]:
    """The bytes of a blob, in pieces: of the first store, or with their hash of whichever has them. Raises as `blob_open`."""
    with blob_open(name, sha256=sha256) as stored, storage_errors():
        while piece := stored.read(PIECE_BYTES):
            yield piece


def in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results, in the order of the items, of which few are taken before their turn."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="backup") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 4 * AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()


def _copied(place: BackupPlace, sources: Iterable[Source], all_files: Iterable[StoredFile], tell: Tell) -> Copies:
    faults, copied = [], 0
    for fault in in_threads(lambda source: _copy(place, source), sources):
        faults += [fault] if fault else []
        copied += fault is None
        tell(1)
    sizes = [file.bytes for file in all_files]
    return Copies(Total(len(sizes), sum(sizes), copied), faults)


def _copy(place: BackupPlace, source: Source) -> Fault | None:
    try:
        place.write(source.file.name, checked(source.read(), source.file))
    except BlobMissingError:
        return Fault(source.file.name, MISSING)
    except (_OtherBytesError, BlobDamagedError):
        return Fault(source.file.name, OTHER_BYTES)
    return None


def _file(path: Path) -> Iterator[bytes]:
    with storage_errors():
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise BlobMissingError(f"{path} is missing.") from None
        with file:
            while piece := file.read(PIECE_BYTES):
                yield piece
