"""Reading an export, which may have been changed by anybody: all of it is looked at before anything is written.

Files are held against their digests, lines and files are bounded, names are of a known form, each value has its place, and a row
refers to nothing but rows of the export: so it can name nothing that is here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.contrib.auth.models import Group, User
from django.db.models import Field

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.masking.settings import MaskingSettings
from apps.documents.models import Document, DocumentVersion, Grant, KnowledgeBase, ParsedText, TextEdit
from apps.documents.parsing.types import sections_from_list
from apps.documents.retrieval_settings import RetrievalSettings
from ragsite.backups.manifest import StoredFile
from ragsite.backups.places import BackupPlace, as_file
from ragsite.core.actors import Actor
from ragsite.core.errors import PermanentError
from ragsite.gateway.models import ApiKey, Role
from ragsite.transfers.ids import is_id
from ragsite.transfers.manifest import BLOB_LIST, PEOPLE, TABLES_FOLDER, DamagedExportError, Manifest, TableFile
from ragsite.transfers.people import COLUMNS, Kind, Person
from ragsite.transfers.tables import TABLES, Table

LONGEST_LINE = 512 * 1024 * 1024
"""Bytes: a text and where its sections lie."""

_BLOB = re.compile(r"[0-9a-f-]{36}/[0-9a-f-]{36}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PEOPLE: Mapping[Any, Kind] = {User: Kind.USER, Group: Kind.GROUP, ApiKey: Kind.KEY}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Export:
    """An export whose lists lie on this machine for as long as it is open."""

    place: BackupPlace
    manifest: Manifest
    files: Mapping[str, Path]

    def rows(self, table: Table) -> Iterator[Row]:
        """Those of a table; none of one that came after the export."""
        if (told := self.manifest.tables.get(table.name)) is None:
            return
        if (fresh := table.fresh(told.columns)) is None:
            raise _of_other_version(self.manifest)
        for row in self._lines(told.file, told):
            yield {**fresh, **row}

    def people(self) -> Iterator[Row]:
        return self._lines(self.manifest.people.file, self.manifest.people)

    def blobs(self) -> Iterator[StoredFile]:
        for line in self._lines(self.manifest.blob_list):
            yield _blob(line)

    def _lines(self, file: StoredFile, told: TableFile | None = None) -> Iterator[Row]:
        count = 0
        with self.files[file.name].open("rb") as opened:
            for line in _lines(opened, file):
                count += 1
                row = _object(line, file.name)
                if told is not None and row.keys() != set(told.columns):
                    raise _damaged(file.name, f"line {count} has other columns")
                yield row
        if told is not None and count != told.rows:
            raise _damaged(file.name, f"it has {count:,} rows in place of {told.rows:,}")


@dataclass(slots=True)
class Newest:
    """Of a document the version that it is told of by: the current one, else the one of the highest number."""

    version: str
    number: int
    content_hash: str


@dataclass(slots=True)
class Census:
    """What was found: ids by the models that have them, blobs by their names, and what the import needs to know of others' rows.
    `texts` are the versions that have one, `masked` the knowledge bases with settings of masking.
    """

    ids: dict[Any, set[str]] = field(default_factory=dict)
    blobs: dict[str, StoredFile] = field(default_factory=dict)
    people: dict[tuple[Kind, str], Person] = field(default_factory=dict)
    current: dict[str, str | None] = field(default_factory=dict)
    newest: dict[str, Newest] = field(default_factory=dict)
    base_of: dict[str, str] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    masked: list[str] = field(default_factory=list)
    forward: list[tuple[Any, str]] = field(default_factory=list)
    """References to rows that come later, or of the same table."""

    @property
    def known(self) -> set[str]:
        """All ids that the export gives to rows."""
        return set().union(*self.ids.values())

    @property
    def blob_bytes(self) -> int:
        return sum(one.bytes for one in self.blobs.values())


@contextmanager
def export_opened(place: BackupPlace, manifest: Manifest) -> Iterator[Export]:
    """The export, for the length of the block.

    Raises:
        DamagedExportError: a table or list is missing, or is no file of the place.
    """
    _check_tables(manifest)
    lists = [one.file for one in manifest.tables.values()] + [manifest.people.file, manifest.blob_list]
    with ExitStack() as open_files:
        yield Export(place, manifest, {one.name: _at_hand(open_files, place, one.name) for one in lists})


def census_taken(export: Export) -> Census:
    """Read all rows of the export, and look at each.

    Raises:
        DamagedExportError: one is not as it must be.
    """
    census = Census()
    for blob in export.blobs():
        census.blobs[blob.name] = blob
    for row in export.people():
        person = _person(row)
        census.people[person.key] = person
    for table in TABLES:
        _table_read(export, table, census)
    for model, one in census.forward:
        if one not in census.ids[model]:
            raise _damaged(TABLES_FOLDER, "a row names another one that is not in the export")
    return census


def from_export(place: BackupPlace, name: str, file: StoredFile) -> Iterator[bytes]:
    """A blob of an export in pieces; no more of it than it says.

    Raises:
        DamagedExportError: it is missing, or its bytes are others.
    """
    _check_regular(place, name)
    digest, size = hashlib.sha256(), 0
    try:
        for piece in place.read(name):
            size += len(piece)
            if size > file.bytes:
                raise _damaged(name, "it is longer than it must be")
            digest.update(piece)
            yield piece
    except FileNotFoundError as error:
        raise _damaged(name, "it is missing") from error
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise _damaged(name, "its bytes are others than they must be")


def _check_tables(manifest: Manifest) -> None:
    """Older exports may lack a table or column that is new; a newer one has some that nobody here knows."""
    known = {table.name: table for table in TABLES}
    if not manifest.tables.keys() <= known.keys() or manifest.people.columns != COLUMNS:
        raise _of_other_version(manifest)
    for name, told in manifest.tables.items():
        if not known[name].fields.keys() >= set(told.columns):
            raise _of_other_version(manifest)
        _check_listed(told.file, f"{TABLES_FOLDER}/{name}.jsonl")
    _check_listed(manifest.people.file, PEOPLE)
    _check_listed(manifest.blob_list, BLOB_LIST)


def _check_listed(file: StoredFile, name: str) -> None:
    if file.name != name:
        raise _damaged("manifest.json", f"it names {file.name[:80]!r}")


def _at_hand(open_files: ExitStack, place: BackupPlace, name: str) -> Path:
    _check_regular(place, name)
    try:
        return open_files.enter_context(as_file(place, name))
    except FileNotFoundError as error:
        raise _damaged(name, "it is missing") from error


def _check_regular(place: BackupPlace, name: str) -> None:
    """A link could lead anywhere, and a device has no end."""
    path, root = place.path(name), place.path("")
    if path is None or root is None:
        return
    if not path.is_file():
        raise _damaged(name, "it is missing")
    if path.resolve() != root.resolve() / name:
        raise _damaged(name, "it is a link")


def _table_read(export: Export, table: Table, census: Census) -> None:
    look = _LOOKS.get(table.model)
    ids = census.ids.setdefault(table.model, set()) if table.has_ids else None
    pk = table.model._meta.pk
    for row in export.rows(table):
        for name, value in row.items():
            if (wrong := _wrong(table.fields[name], value, census)) is not None:
                raise _damaged(f"{TABLES_FOLDER}/{table.name}.jsonl", f"{name} {wrong}")
        if ids is not None:
            if row[pk.attname] in ids:
                raise _damaged(f"{TABLES_FOLDER}/{table.name}.jsonl", "an id is there twice")
            ids.add(row[pk.attname])
        if look is not None:
            _look(look, row, census, table.name)


def _wrong(column: Field[Any, Any], value: Any, census: Census) -> str | None:
    """What is wrong with a value; what its type is, the database says."""
    if value is None:
        return None if column.null else "is empty"
    if column.is_relation and column.related_model in _PEOPLE:
        who = (_PEOPLE[column.related_model], str(value))
        return None if isinstance(value, (int, str)) and who in census.people else "names somebody who is not listed"
    if column.is_relation or column.primary_key:
        if not is_id(value):
            return "is no id"
        return _reference_wrong(column, value, census) if column.is_relation else None
    if column.choices and value not in [*(choice for choice, _ in column.flatchoices), *([""] if column.blank else [])]:
        return f"can't be {str(value)[:40]!r}"
    return None


def _reference_wrong(column: Field[Any, Any], value: str, census: Census) -> str | None:
    target = column.related_model
    if target is DocumentVersion and column.model in (Document, DocumentVersion):
        census.forward.append((target, value))
        return None
    return None if value in census.ids[target] else "names a row that is not in the export"


def _look(look: Callable[[Row, Census], None], row: Row, census: Census, name: str) -> None:
    try:
        look(row, census)
    except DamagedExportError:
        raise
    except (PermanentError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        told = error.message if isinstance(error, PermanentError) else "a value is of another form"
        raise _damaged(f"{TABLES_FOLDER}/{name}.jsonl", told) from error


def _base_look(row: Row, census: Census) -> None:
    ChunkingSettings.from_dict(row["chunking"])
    RetrievalSettings.from_dict(row["retrieval"])
    MaskingSettings.from_dict(row["masking"])
    if row["masking"]:
        census.masked.append(row["id"])


def _document_look(row: Row, census: Census) -> None:
    ChunkingSettings().overridden(row["chunking"])
    census.current[row["id"]], census.base_of[row["id"]] = row["current_version_id"], row["knowledge_base_id"]


def _version_look(row: Row, census: Census) -> None:
    blob = census.blobs.get(row["blob"])
    if blob is None or (blob.bytes, blob.sha256) != (row["size"], row["content_hash"]):
        raise ValueError(row["blob"])
    document, number = row["document_id"], row["number"]
    if not isinstance(number, int):
        raise TypeError(number)
    known, is_current = census.newest.get(document), census.current[document] == row["id"]
    answers = known is not None and known.version == census.current[document]
    if is_current or (not answers and (known is None or number > known.number)):
        census.newest[document] = Newest(row["id"], number, row["content_hash"])


def _text_look(row: Row, census: Census) -> None:
    census.texts.add(row["version_id"])
    length = len(row["text"])
    for section in sections_from_list(row["sections"]):
        if not 0 <= section.start < section.end <= length:
            raise ValueError("a section lies outside of the text")


def _edit_look(row: Row, census: Census) -> None:
    if row["actor"] is not None:
        Actor.from_dict(row["actor"])


def _grant_look(row: Row, census: Census) -> None:
    for names in (("user_id", "group_id", "api_key_id"), ("knowledge_base_id", "document_id")):
        if sum(row[name] is not None for name in names) != 1:
            raise ValueError(names)


_LOOKS: Mapping[Any, Callable[[Row, Census], None]] = {
    KnowledgeBase: _base_look,
    Document: _document_look,
    DocumentVersion: _version_look,
    ParsedText: _text_look,
    TextEdit: _edit_look,
    Grant: _grant_look,
}
"""What is asked of a row besides."""


def _blob(line: Row) -> StoredFile:
    try:
        file = StoredFile(**line)
        whole = _BLOB.fullmatch(file.name) and _DIGEST.fullmatch(file.sha256)
    except TypeError:
        whole = None
    if not whole or not isinstance(file.bytes, int) or file.bytes < 0:
        raise _damaged(BLOB_LIST, "a line names no blob")
    return file


def _person(row: Row) -> Person:
    kinds, roles = set(Kind), {"", *Role.values}
    if not all(isinstance(one, str) for one in row.values()) or row["kind"] not in kinds or row["role"] not in roles:
        raise _damaged(PEOPLE, "a line names nobody")
    return Person(Kind(row["kind"]), row["id"], row["name"], row["email"], row["role"])


def _lines(opened: IO[bytes], file: StoredFile) -> Iterator[bytes]:
    digest, size = hashlib.sha256(), 0
    while line := opened.readline(LONGEST_LINE + 1):
        size += len(line)
        if len(line) > LONGEST_LINE or size > file.bytes:
            raise _damaged(file.name, "it is longer than it must be")
        digest.update(line)
        yield line
    if (size, digest.hexdigest()) != (file.bytes, file.sha256):
        raise _damaged(file.name, "its bytes are others than they must be")


def _object(line: bytes, name: str) -> Row:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(name, "a line is no JSON") from error
    if not isinstance(found, dict):
        raise _damaged(name, "a line is no object")
    return found


def _damaged(name: str, what: str) -> DamagedExportError:
    return DamagedExportError(f"{name} of the export is damaged: {what}.")


def _of_other_version(manifest: Manifest) -> PermanentError:
    return PermanentError(
        f"The export was made by version {manifest.version[:40]}, which writes other tables or columns than this one.",
        action="Import it with that version, or a later one.",
    )
