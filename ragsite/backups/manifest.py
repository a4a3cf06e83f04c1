"""What a backup says of itself: when and from what it was made, its files with their sizes and digests, and what it lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self

from ragsite.backups.keys import KeyMark
from ragsite.backups.places import BackupPlace
from ragsite.core.errors import NotFoundError, PermanentError

FORMAT = 1
BACKUPS, MANIFEST = "backups", "manifest.json"
DUMP, BLOB_LIST, MODEL_LIST = "database.dump", "blobs.jsonl", "models.jsonl"


class DamagedBackupError(PermanentError):
    """A file of a backup is missing, or is not what the manifest says."""

    code = "backup_damaged"
    action = "Use another backup; `manage.py backup verify` names what is damaged."


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it must be."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that is not as it must be, and how."""

    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Total:
    """How many files, and their bytes; `copied` are those that were not in the place before."""

    files: int = 0
    bytes: int = 0
    copied: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`rows` are counted in the snapshot, by table. `settings` are names of variables that were given, without a value.

    `faults` are blobs and files of models that could not be copied, as they were missing or damaged already.
    """

    id: str
    made_at: str
    ended_at: str
    version: str
    server_version: int
    migrations: dict[str, list[str]]
    roles: list[str]
    keys: dict[str, KeyMark]
    settings: list[str]
    rows: dict[str, int]
    models_folder: str
    files: list[StoredFile]
    blobs: Total
    models: Total
    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        kept = dict(told)
        kept["keys"] = {name: KeyMark(**mark) for name, mark in told["keys"].items()}
        kept["files"] = [StoredFile(**one) for one in told["files"]]
        kept["faults"] = [Fault(**one) for one in told["faults"]]
        kept["blobs"], kept["models"] = Total(**told["blobs"]), Total(**told["models"])
        return cls(**kept)

    @property
    def folder(self) -> str:
        return f"{BACKUPS}/{self.id}"

    @property
    def bytes(self) -> int:
        """Of its own files and of all that it names."""
        return sum(one.bytes for one in self.files) + self.blobs.bytes + self.models.bytes

    def file(self, name: str) -> StoredFile:
        """One of its own files."""
        return next(one for one in self.files if one.name == f"{self.folder}/{name}")


def backup_id(moment: datetime) -> str:
    """Sorts by the time, to the microsecond. As only one backup is made at a time, it is no other's."""
    return f"{moment:%Y%m%dT%H%M%SZ}-{moment.microsecond:06x}"


def manifest_write(place: BackupPlace, manifest: Manifest) -> None:
    """The last step of a backup, by which it is whole."""
    content = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    digest = hashlib.sha256(content.encode()).hexdigest()
    place.write(
        f"{manifest.folder}/{MANIFEST}", [f'{{"format": {FORMAT}, "sha256": "{digest}"}}\n{content}\n'.encode()]
    )


def manifest_read(place: BackupPlace, backup: str) -> Manifest | None:
    """The manifest of a backup; None of one that is unfinished.

    Raises:
        DamagedBackupError: it is not as it was written.
        PermanentError: it is of a form that this version does not know.
    """
    name = f"{BACKUPS}/{backup}/{MANIFEST}"
    try:
        head, _, content = b"".join(place.read(name)).partition(b"\n")
    except FileNotFoundError:
        return None
    try:
        told = json.loads(head)
        if told["format"] == FORMAT and told["sha256"] == hashlib.sha256(content.rstrip(b"\n")).hexdigest():
            return Manifest.of(json.loads(content))
        known = told["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedBackupError(f"{name} of {place.address} is damaged.") from error
    if known:
        raise DamagedBackupError(f"{name} of {place.address} is damaged.")
    raise PermanentError(
        f"The backup {backup} is of the form {told['format']}, and this version knows {FORMAT}.",
        action="Restore it with the version that made it, or a later one.",
    )


def backup_ids(place: BackupPlace) -> list[str]:
    """Of all backups, also unfinished ones, the oldest first."""
    return place.folders(BACKUPS)


def manifest_chosen(place: BackupPlace, backup: str | None) -> Manifest:
    """The manifest of that backup, or of the newest that is finished.

    Raises:
        NotFoundError: there is none, or it is unfinished.
    """
    ids = backup_ids(place) if backup is None else [backup]
    for one in reversed(ids):
        if manifest := manifest_read(place, one):
            return manifest
    what = f"no finished backup {backup!r}" if backup else "no finished backup"
    raise NotFoundError(f"There is {what} in {place.address}.", action="See `manage.py backup list`.")


def files_listed(place: BackupPlace, manifest: Manifest, name: str) -> Iterator[StoredFile]:
    """The files that one of a backup's lists names, in their order."""
    return lines_read(place.read(f"{manifest.folder}/{name}"))


def line_of(file: StoredFile) -> bytes:
    """A file as a line of a list."""
    return f"{json.dumps(asdict(file), ensure_ascii=False)}\n".encode()


def lines_read(pieces: Iterable[bytes]) -> Iterator[StoredFile]:
    """The lines of a list that comes in pieces.

    Raises:
        DamagedBackupError: it names what leads out of where it is restored to.
    """
    left = b""
    for piece in pieces:
        *whole, left = (left + piece).split(b"\n")
        for line in whole:
            file = StoredFile(**json.loads(line))
            if ".." in file.name.split("/"):
                raise DamagedBackupError(f"A list of the backup names {file.name!r}.")
            yield file
