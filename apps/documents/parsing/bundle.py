"""A ZIP of documents: goes through its members with care. Also for the web process."""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from apps.documents.parsing.errors import DamagedFileError, EncryptedFileError, NestedArchiveError, UnsafeArchiveError
from apps.documents.parsing.types import Limits

EXTENSION = ".zip"
END_MAGIC, END64_MAGIC = b"PK\x05\x06", b"PK\x06\x06"
ENCRYPTED_FLAG, UTF8_FLAG = 0x1, 0x800
IN_END64 = 0xFFFFFFFF
LONGEST_END = 65_557 + 76
# Bytes an entry of the directory may take: a fixed part, the name, and what some programs add.
ENTRY_BYTES = 1_024
NOT_FILES = {"__MACOSX"}
_DRIVE = re.compile(r"[A-Za-z]:")
# NotImplementedError: an unknown compression method. EOFError, ValueError and OSError: a member that ends early or lies
# elsewhere than the directory says.
_DAMAGE = (zipfile.BadZipFile, zlib.error, LZMAError, NotImplementedError, EOFError, ValueError, OSError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the archive: its path there, made safe, and its bytes.

    `open` raises NestedArchiveError, EncryptedFileError or DamagedFileError; a member that can't be read hinders no other.
    """

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def is_bundle(filename: str) -> bool:
    """Whether the name is that of a ZIP of documents."""
    return PurePosixPath(filename).suffix.lower() == EXTENSION


def members(path: Path, limits: Limits) -> Iterator[Member]:
    """The files of the archive at `path`, in its order; without folders, links, and hidden files and folders.

    The archive stays open while they are gone through. Raises UnsafeArchiveError and DamagedFileError.
    """
    _check_directory(path, limits)
    with _damage_told(), zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_size(entries, packed=path.stat().st_size, limits=limits)
        for entry in entries:
            name = safe_path(_name(entry))
            if name and not entry.is_dir() and not _is_link(entry):
                yield Member(name, _opener(archive, entry, name))


def safe_path(name: str) -> str:
    """The path of a member without what leads out of its archive; "" for one that is hidden or has no name."""
    parts = [
        part for part in _DRIVE.sub("", name.replace("\\", "/"), count=1).split("/") if part not in ("", ".", "..")
    ]
    hidden = any(part.startswith(".") or part in NOT_FILES for part in parts)
    return "" if hidden else "/".join(parts)


def _name(entry: zipfile.ZipInfo) -> str:
    """Where the archive does not say how names are written they mostly are UTF-8, though zipfile takes them for cp437."""
    if entry.flag_bits & UTF8_FLAG:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except ValueError:
        return entry.filename


def _opener(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        if is_bundle(name):
            raise NestedArchiveError(f"{name!r} is an archive in an archive.")
        if entry.flag_bits & ENCRYPTED_FLAG:
            raise EncryptedFileError(f"{name!r} is protected with a password.")
        with _damage_told(), archive.open(entry) as stream:
            yield stream

    return opened


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise DamagedFileError(f"The archive can't be unpacked: {error or type(error).__name__}.") from error


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _check_directory(path: Path, limits: Limits) -> None:
    """Before zipfile reads the directory, which for a hostile one takes hundreds of megabytes."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_END))
        end = file.read(LONGEST_END)
    if any(size > limits.max_archive_members * ENTRY_BYTES for size in _directory_sizes(end)):
        raise UnsafeArchiveError(f"The archive has far more than {limits.max_archive_members:,} members.")


def _directory_sizes(end: bytes) -> Iterator[int]:
    """What each thing at the archive's end that looks like its end record gives as the directory's size."""
    for magic, form, offset in ((END_MAGIC, "<L", 12), (END64_MAGIC, "<Q", 40)):
        for found in re.finditer(re.escape(magic), end):
            place = found.start() + offset
            if place + struct.calcsize(form) <= len(end):
                (size,) = struct.unpack_from(form, end, place)
                yield 0 if size == IN_END64 else size


def _check_size(entries: list[zipfile.ZipInfo], *, packed: int, limits: Limits) -> None:
    if len(entries) > limits.max_archive_members:
        raise UnsafeArchiveError(
            f"The archive has {len(entries):,} members; at most {limits.max_archive_members:,} are accepted."
        )
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.max_unpacked_bytes or unpacked > packed * limits.max_ratio:
        raise UnsafeArchiveError(
            f"The archive has {packed:,} bytes and unpacks to {unpacked:,}; at most {limits.max_unpacked_bytes:,} bytes "
            f"and {limits.max_ratio} times its size are accepted."
        )
