"""Files on the disk as what they bring: one document each, or, of a ZIP, a document for each member."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from apps.documents.parsing.bundle import open_bundle
from apps.documents.parsing.errors import EmptyFileError
from apps.documents.parsing.types import FileLimits
from apps.documents.upload_limits import storage_errors, upload_too_large
from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import PermanentError

PIECE_BYTES = 256 * 1024
BUNDLE = ".zip"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it arrived: what its owner calls it, where it lies, and its size in bytes."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """The bytes of one document to be: read when its turn comes. `path` is where they lie, if they lie alone.

    `parts` gives them in pieces, or raises PermanentError for a member of an archive that can't be taken.
    """

    name: str
    parts: Callable[[], Iterator[bytes]]
    path: Path | None = None

    @property
    def filename(self) -> str:
        return PurePosixPath(self.name).name


def arrived(files: Iterable[Any]) -> Iterator[SourceFile]:
    """The files of a request whose upload handler writes to temporary files."""
    for file in files:
        yield SourceFile(name=file.name, path=Path(file.temporary_file_path()), size=file.size)


def sources_of(file: SourceFile) -> Iterator[DocumentSource]:
    """The file itself, or the members of the ZIP that it is, as `archive.zip/path/in/it`.

    Raises:
        UploadTooLargeError: the file is no ZIP and larger than one document may be.
        PermanentError: the ZIP can't be opened, is not safe to open, or has no files in it.
    """
    if is_bundle(file.name):
        yield from _sources_of_bundle(file)
    elif file.size > UploadSettings.current().max_bytes:
        raise upload_too_large(file.name)
    else:
        yield DocumentSource(file.name, partial(_pieces, file.path), path=file.path)


def is_bundle(name: str) -> bool:
    """Whether a file of that name brings a document for each of its members."""
    return PurePosixPath(name).suffix.lower() == BUNDLE


def _pieces(path: Path) -> Iterator[bytes]:
    with _reading(path), path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Within the block, a file that can't be read is distinguished from a storage that can't be written."""
    try:
        yield
    except OSError as error:
        raise PermanentError(
            f"{path.name!r} can't be read: {error.strerror}.", code="unreadable_file", action="Check its permissions."
        ) from error


def _sources_of_bundle(file: SourceFile) -> Iterator[DocumentSource]:
    empty = True
    with _reading(file.path), open_bundle(file.path, FileLimits()) as members:
        for member in members:
            empty = False
            yield DocumentSource(f"{file.name}/{member.name}", member.parts)
    if empty:
        raise EmptyFileError(f"The archive {file.name!r} has no files in it.")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def on_disk(source: DocumentSource) -> Iterator[Path]:
    """Where the source's bytes lie; those of an archive's member are there for the length of the block.

    Raises:
        PermanentError: they can't be read.
        UploadTooLargeError: they are more than one document may have.
    """
    if source.path is not None:
        with _reading(source.path):
            yield source.path
        return
    most = UploadSettings.current().max_bytes
    with storage_errors(), tempfile.NamedTemporaryFile() as copy:
        for piece in source.parts():
            copy.write(piece)
            if copy.tell() > most:
                raise upload_too_large(source.filename)
        copy.flush()
        yield Path(copy.name)
