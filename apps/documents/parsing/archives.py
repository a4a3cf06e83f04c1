"""Office documents are zip archives: opens them with care. Also for the web process, so without any XML library."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path

from apps.documents.parsing.errors import DamagedFileError, EncryptedFileError, UnsafeArchiveError
from apps.documents.parsing.types import FileLimits

COMPOUND_FILE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# What an office program names the stream that holds a document encrypted with a password.
ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
DIRECTORY_ENTRY_MAGIC = b"PK\x01\x02"
# Entries of archives embedded in this one are counted too when counting is by signature.
EMBEDDED_ALLOWANCE = 20
ENCRYPTED_FLAG = 0x1


@contextmanager
def open_archive(path: Path, limits: FileLimits) -> Iterator[zipfile.ZipFile]:
    """The archive at `path`, after a check of its size.

    Raises EncryptedFileError, UnsafeArchiveError and DamagedFileError, the last also for what comes to light only
    when a member is unpacked.
    """
    with open_container(path, limits) as archive:
        if any(map(is_encrypted, archive.infolist())):
            raise EncryptedFileError("Parts of the document are protected with a password.")
        yield archive


@contextmanager
def open_container(path: Path, limits: FileLimits) -> Iterator[zipfile.ZipFile]:
    """As `open_archive`, but members may be encrypted."""
    _check_container(path, limits)
    with unpacking_errors(), zipfile.ZipFile(path) as archive:
        _check_members(archive, packed=path.stat().st_size, limits=limits)
        yield archive


@contextmanager
def unpacking_errors() -> Iterator[None]:
    """Whatever goes wrong with an archive inside the block is a DamagedFileError."""
    try:
        yield
    # NotImplementedError: an unknown compression method. EOFError, ValueError and OSError: a member that ends early or
    # lies elsewhere than the directory says. lzma.LZMAError: a damaged member of one of the rarer methods.
    except (zipfile.BadZipFile, zlib.error, LZMAError, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise DamagedFileError(f"The file can't be unpacked: {error or type(error).__name__}.") from error


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Whether the member can't be read without a password."""
    return bool(member.flag_bits & ENCRYPTED_FLAG)


def is_encrypted_office_file(data: bytes) -> bool:
    """Whether `data` is an office document that was saved with a password."""
    return data.startswith(COMPOUND_FILE_MAGIC) and ENCRYPTED_STREAM in data


def _check_container(path: Path, limits: FileLimits) -> None:
    # Before zipfile reads the directory, which for a hostile one takes hundreds of megabytes.
    data = path.read_bytes()
    if is_encrypted_office_file(data):
        raise EncryptedFileError("The document is protected with a password.")
    if data.count(DIRECTORY_ENTRY_MAGIC) > limits.max_archive_members * EMBEDDED_ALLOWANCE:
        raise UnsafeArchiveError(f"The file is an archive of far more than {limits.max_archive_members:,} members.")


def _check_members(archive: zipfile.ZipFile, *, packed: int, limits: FileLimits) -> None:
    members = archive.infolist()
    if len(members) > limits.max_archive_members:
        raise UnsafeArchiveError(
            f"The file is an archive of {len(members):,} members; at most {limits.max_archive_members:,} are accepted."
        )
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.max_unpacked_bytes or unpacked > packed * limits.max_ratio:
        raise UnsafeArchiveError(
            f"The file has {packed:,} bytes and unpacks to {unpacked:,}; at most {limits.max_unpacked_bytes:,} bytes "
            f"and {limits.max_ratio} times its size are accepted."
        )
