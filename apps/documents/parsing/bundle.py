"""An archive of documents (.zip): not a document itself, but each of its files may be one. Imports nothing heavy."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from apps.documents.parsing.archives import is_encrypted, open_container, unpacking_errors
from apps.documents.parsing.errors import (
    BadFilenameError,
    EncryptedFileError,
    NestedArchiveError,
    UnsafeArchiveError,
)
from apps.documents.parsing.names import archive_names
from apps.documents.parsing.sniffing import safe_filename
from apps.documents.parsing.types import FileLimits
from ragsite.core.errors import PermanentError

PIECE_BYTES = 1024 * 1024
ARCHIVES = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".jar"})
# What macOS puts beside the files: their resource forks.
RESOURCE_FORKS = "__MACOSX"
# Below this a member may be packed as tightly as it likes.
SMALL_BYTES = 100_000
UNIX_MODE_SHIFT = 16


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the archive: a name that is safe as a relative path, its unpacked bytes, and why it can't be taken.

    `name` has no empty part, no dots and no drive; it is for display, and its last part is the file's name.
    """

    name: str
    size: int
    refusal: PermanentError | None
    _archive: zipfile.ZipFile = field(repr=False)
    _entry: zipfile.ZipInfo = field(repr=False)

    @property
    def filename(self) -> str:
        return PurePosixPath(self.name).name

    def parts(self) -> Iterator[bytes]:
        """The content in pieces. Raises the refusal, and DamagedFileError for what can't be unpacked."""
        if self.refusal:
            raise self.refusal
        with unpacking_errors(), self._archive.open(self._entry) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


@contextmanager
def open_bundle(path: Path, limits: FileLimits) -> Iterator[Iterator[Member]]:
    """The files of the archive at `path`, to be read before the block ends.

    Folders, links, hidden files and resource forks are passed over. Archives inside the archive, encrypted files and
    files that unpack to far more than they should come with a refusal; the other files can still be taken.

    Raises:
        UnsafeArchiveError: too many members, or too much in all.
        EncryptedFileError, DamagedFileError: it is no zip archive that can be opened.
    """
    with open_container(path, limits) as archive:
        name_of = archive_names(archive)
        named = ((entry, _parts(name_of(entry))) for entry in archive.infolist())
        yield (_member(archive, entry, parts, limits) for entry, parts in named if _is_file(entry, parts))


def _is_file(entry: zipfile.ZipInfo, parts: list[str]) -> bool:
    mode = entry.external_attr >> UNIX_MODE_SHIFT
    is_passed_over = RESOURCE_FORKS in parts or (parts and parts[-1].startswith("."))
    return not (entry.is_dir() or stat.S_ISLNK(mode) or is_passed_over)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, parts: list[str], limits: FileLimits) -> Member:
    refusal: PermanentError | None
    try:
        name = "/".join(safe_filename(part) for part in parts)
        refusal = _refusal(name, entry, limits)
    except BadFilenameError as error:
        name, refusal = "?", error
    if not name:
        name, refusal = "?", BadFilenameError("A file in the archive has no name.")
    return Member(name, entry.file_size, refusal, archive, entry)


def _parts(name: str) -> list[str]:
    """The name's parts without those that lead out of the archive: drives, roots, and dots."""
    parts = name.replace("\\", "/").split("/")
    return [part for part in parts if part not in {"", ".", ".."} and not (len(part) == 2 and part.endswith(":"))]


def _refusal(name: str, entry: zipfile.ZipInfo, limits: FileLimits) -> PermanentError | None:
    if is_encrypted(entry):
        return EncryptedFileError(f"The file {name!r} in the archive is protected with a password.")
    if PurePosixPath(name).suffix.lower() in ARCHIVES:
        return NestedArchiveError(f"The file {name!r} in the archive is an archive itself, and is not opened.")
    if entry.file_size > SMALL_BYTES and entry.file_size > entry.compress_size * limits.max_ratio:
        return UnsafeArchiveError(
            f"The file {name!r} in the archive has {entry.compress_size:,} bytes and unpacks to {entry.file_size:,}; "
            f"at most {limits.max_ratio} times its size is accepted."
        )
    return None
