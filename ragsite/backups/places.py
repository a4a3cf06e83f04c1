"""Where backups are kept: a folder, or a bucket. Both behind one small protocol of names with slashes."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

from apps.documents.blobs import blob_store
from ragsite.core.configuration import ServerSettings, StorageSettings
from ragsite.core.errors import ConfigurationError, TransientError
from ragsite.core.storage.places import S3Place, blob_place
from ragsite.core.storage.scratch import scratch_file

PIECE_BYTES = 1024 * 1024
FAILED = "backup_place_failed"
BLOBS = "blobs"
_DRAFT = ".part"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is there under a name."""

    name: str
    bytes: int


class BackupPlace(Protocol):
    """Files by names. What goes wrong is a TransientError in words."""

    @property
    def address(self) -> str:
        """As an operator gives it."""

    def check(self) -> None:
        """Raises TransientError: nothing can be kept there; says why and what to do."""

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Write the parts, whole or not at all, in place of what is there."""

    def read(self, name: str) -> Iterator[bytes]:
        """The bytes in pieces. Raises FileNotFoundError."""

    def path(self, name: str) -> Path | None:
        """Where it lies on this machine; None where it does not."""

    def folders(self, below: str) -> list[str]:
        """The names of folders directly below, in order."""

    def entries(self, below: str) -> Iterator[Entry]:
        """All files below, in the order of their names."""

    def remove(self, names: Collection[str]) -> None:
        """Remove files; missing ones are no error."""

    def tidy(self) -> None:
        """Remove what interrupted writes left. Nobody else may be writing."""


def place_at(text: str, *, what: str = "folder of backups", written: bool = True) -> BackupPlace:
    """The place that an operator names: a folder, or `s3://bucket/prefix?endpoint_url=…&region=…`. `what` is a folder called
    where something is wrong with it; `written` says whether anything is to be kept there.

    Raises:
        ConfigurationError: it is neither, or it is where the installation keeps what is to be backed up.
        TransientError: nothing can be kept there.
    """
    place = _bucket(text) if text.startswith("s3://") else FolderPlace(Path(text).expanduser().absolute(), what)
    _check_apart(place)
    if written:
        place.check()
    return place


def _bucket(text: str) -> BackupPlace:
    from ragsite.backups.s3_place import BucketPlace  # whose client costs each process 30 MB

    try:
        found = blob_place(text, certificates=ServerSettings.current().ca_file)
    except ValueError as error:
        raise ConfigurationError(f"The place of the backups {error}.") from error
    return BucketPlace(cast(S3Place, found))


def _check_apart(place: BackupPlace) -> None:
    """In the store itself the sweep would take blobs of backups for what interrupted uploads left."""
    store: Any = blob_store()
    if isinstance(place, FolderPlace):
        ours = (place.folder / BLOBS).resolve()
        kept = StorageSettings.current().blob_dir.resolve()
        is_within = store.is_local and (ours.is_relative_to(kept) or kept.is_relative_to(ours))
    else:
        at: S3Place = place.at  # type: ignore[attr-defined]  # a bucket's
        is_within = not store.is_local and store.bucket_name == at.bucket and _nested(store.location, at.prefix)
    if is_within:
        raise ConfigurationError(
            f"{place.address} is where documents are kept.", action="Give a folder, bucket or prefix apart from it."
        )


def _nested(one: str, other: str) -> bool:
    shorter, longer = sorted((f"{one}/".lstrip("/"), f"{other}/".lstrip("/")), key=len)
    return longer.startswith(shorter)


@dataclass(frozen=True, slots=True)
class FolderPlace:
    """A folder of this machine, or of a disk that it mounts. Nobody else on the machine may read it."""

    folder: Path
    what: str = "folder of backups"

    @property
    def address(self) -> str:
        return str(self.folder)

    def check(self) -> None:
        folder = next(one for one in (self.folder, *self.folder.parents) if one.exists())
        with self._errors():
            if not folder.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        path = self.folder / name
        draft = path.with_name(f".{path.name}.{os.getpid()}{_DRAFT}")
        with self._errors():
            self._make(path.parent)
            try:
                with open(draft, "wb", opener=_for_this_user_alone) as file:
                    for part in parts:
                        file.write(part)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
                _folder_flush(path.parent)
            finally:
                draft.unlink(missing_ok=True)

    def read(self, name: str) -> Iterator[bytes]:
        try:
            file: IO[bytes] = (self.folder / name).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise FileNotFoundError(name) from None
        with self._errors(), file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def path(self, name: str) -> Path | None:
        return self.folder / name

    def folders(self, below: str) -> list[str]:
        with self._errors():
            root = self.folder / below
            return sorted(entry.name for entry in os.scandir(root) if entry.is_dir()) if root.is_dir() else []

    def entries(self, below: str) -> Iterator[Entry]:
        root = self.folder / below
        for entry in sorted(os.scandir(root), key=lambda one: one.name) if root.is_dir() else ():
            if entry.is_dir():
                yield from self.entries(f"{below}/{entry.name}")
            elif not entry.name.endswith(_DRAFT):
                yield Entry(f"{below}/{entry.name}", entry.stat().st_size)

    def remove(self, names: Collection[str]) -> None:
        with self._errors():
            for name in names:
                (self.folder / name).unlink(missing_ok=True)
            for folder in sorted({(self.folder / name).parent for name in names}):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

    def tidy(self) -> None:
        with self._errors():
            for draft in self.folder.rglob(f".*{_DRAFT}"):
                draft.unlink(missing_ok=True)

    def _make(self, folder: Path) -> None:
        for one in (*reversed(folder.parents), folder):
            if not one.exists():
                one.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise TransientError(
                f"The {self.what} {self.folder} can't be used: {error.strerror or error}.",
                code="backup_place_full" if full else FAILED,
                action="Free space on that disk, then run it again." if full else "Check it, then run it again.",
            ) from error


@contextmanager
def as_file(place: BackupPlace, name: str) -> Iterator[Path]:
    """A file with the bytes for as long as the block lasts: its own, or a copy."""
    if (path := place.path(name)) is not None:
        yield path
        return
    with scratch_file() as copy:
        for piece in place.read(name):
            copy.write(piece)
        copy.flush()
        yield Path(copy.name)


def _for_this_user_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _folder_flush(folder: Path) -> None:
    """So that the name is there, too, after the machine has lost its power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
