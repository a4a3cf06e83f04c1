"""What an export says of itself: of what and when it was made, its files with their sizes and digests, and what it lacks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ragsite.backups.manifest import Fault, StoredFile, Total
from ragsite.backups.places import BackupPlace
from ragsite.core.errors import NotFoundError, PermanentError

FORMAT = 1
MANIFEST, BEGUN = "manifest.json", "begun.json"
PEOPLE, BLOB_LIST, TABLES_FOLDER = "people.jsonl", "blobs.jsonl", "tables"
LONGEST_MANIFEST = 16 * 1024 * 1024
"""Bytes. It has a line for each knowledge base, and for each blob that could not be copied."""


class DamagedExportError(PermanentError):
    """A file of an export is missing, or is not what an export has; seen by who imports it."""

    code = "export_damaged"
    action = "Make the export again, or copy it again. Nothing of it was imported."


@dataclass(frozen=True, slots=True)
class TableFile:
    """The rows of a table, and which columns they have."""

    file: StoredFile
    rows: int
    columns: list[str]


@dataclass(frozen=True, slots=True)
class SetThere:
    """A setting or flag that was set for a knowledge base, or for the tenant where none is named."""

    name: str
    value: Any
    knowledge_base_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`knowledge_bases` are their names by their ids. `faults` are blobs that could not be copied, as they were missing or
    damaged already.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    made_at: str
    version: str
    tenant_id: str
    tenant: str
    slug: str
    is_whole: bool
    knowledge_bases: dict[str, str]
    tables: dict[str, TableFile]
    people: TableFile
    blob_list: StoredFile
    blobs: Total
    settings: list[SetThere] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.tables.values())

    @property
    def bytes(self) -> int:
        """Of all its files."""
        tables = sum(one.file.bytes for one in self.tables.values())
        return tables + self.people.file.bytes + self.blob_list.bytes + self.blobs.bytes


_MANIFEST = TypeAdapter(Manifest)


def manifest_write(place: BackupPlace, manifest: Manifest) -> None:
    """The last step of an export, by which it is whole."""
    content = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    digest = hashlib.sha256(content.encode()).hexdigest()
    place.write(MANIFEST, [f'{{"format": {FORMAT}, "sha256": "{digest}"}}\n{content}\n'.encode()])


def manifest_read(place: BackupPlace) -> Manifest:
    """The manifest of the export in that place.

    Raises:
        NotFoundError: there is none, or it is unfinished.
        DamagedExportError: it is not as it was written.
        PermanentError: it is of a form that this version does not know.
    """
    try:
        head, _, content = b"".join(_bounded(place)).partition(b"\n")
    except FileNotFoundError:
        raise _none_there(place) from None
    try:
        told = json.loads(head)
        known, digest = told["format"], told["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(place) from error
    if known != FORMAT:
        raise PermanentError(
            f"The export is of the form {str(known)[:40]}, and this version knows {FORMAT}.",
            action="Import it with the version that made it, or a later one.",
        )
    content = content.rstrip(b"\n")
    if digest != hashlib.sha256(content).hexdigest():
        raise _damaged(place)
    try:
        return _MANIFEST.validate_json(content, strict=True)
    except (ValidationError, RecursionError) as error:
        raise _damaged(place) from error


def is_begun(place: BackupPlace) -> bool:
    """Whether an export into that place was begun and has not ended."""
    return _is_there(place, BEGUN)


def is_made(place: BackupPlace) -> bool:
    """Whether there is a finished one."""
    return _is_there(place, MANIFEST)


def _is_there(place: BackupPlace, name: str) -> bool:
    try:
        for _ in place.read(name):
            break
    except FileNotFoundError:
        return False
    return True


def _bounded(place: BackupPlace) -> Iterator[bytes]:
    size = 0
    for piece in place.read(MANIFEST):
        size += len(piece)
        if size > LONGEST_MANIFEST:
            raise _damaged(place)
        yield piece


def _damaged(place: BackupPlace) -> DamagedExportError:
    return DamagedExportError(f"{MANIFEST} of {place.address} is damaged.")


def _none_there(place: BackupPlace) -> NotFoundError:
    if is_begun(place):
        return NotFoundError(
            f"The export in {place.address} was interrupted, or is being made.",
            action="Run `manage.py transfer export` with that place again.",
        )
    return NotFoundError(f"There is no export in {place.address}.", action="Give the folder or prefix of one.")
