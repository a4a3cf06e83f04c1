"""Importing an export into an installation that runs: all of it, in one transaction, or nothing.

All of it is read and looked at before anything is written. Blobs come first, under new names; then the rows, with the events and
the entry of the audit log. Interrupted, it has left blobs that no row names, which the sweep removes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from psycopg.errors import UniqueViolation

from apps.documents.blobs import Blob, blob_write, blobs_discard
from apps.documents.events import DocumentCreated, GrantCreated
from apps.documents.intake.uploads import removed_on_failure
from apps.documents.lifecycle.stages import CHUNK, PARSE
from apps.documents.models import Document, Grant, KnowledgeBase
from apps.documents.services.masking import masking_apply
from apps.documents.upload_limits import upload_too_large
from ragsite.backups.copying import Tell, in_threads
from ragsite.backups.manifest import Fault, StoredFile
from ragsite.backups.places import BLOBS, BackupPlace
from ragsite.backups.snapshots import backups_locked
from ragsite.core.actors import Actor, change_log
from ragsite.core.configuration import UploadSettings
from ragsite.core.dynamic.changing import setting_set
from ragsite.core.dynamic.places import Place
from ragsite.core.errors import ConflictError, PermanentError
from ragsite.core.events import Event
from ragsite.core.ids import new_id
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit_each
from ragsite.transfers.arriving import Arrival, Lost, rows_put
from ragsite.transfers.ids import Ids
from ragsite.transfers.landing import (
    Destination,
    Landing,
    ids_chosen,
    landing_found,
    names_chosen,
    quota_check,
    quota_use,
)
from ragsite.transfers.manifest import DamagedExportError, Manifest, manifest_read
from ragsite.transfers.people import people_found
from ragsite.transfers.reading import Census, Export, Row, census_taken, export_opened, from_export
from ragsite.transfers.tables import TABLES, Table

AT_ONCE, AT_ONCE_LENGTH = 500, 8 * 1024 * 1024
"""Rows that are inserted in one statement, by number and by the characters of their texts."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of it. `knowledge_bases` are their names by their ids here; `lost` is what was not given or set, and `faults` are
    blobs that the export lacks.
    """

    manifest: Manifest
    tenant: str
    is_new_tenant: bool
    ids_kept: bool
    knowledge_bases: dict[str, str]
    rows: dict[str, int]
    lost: list[Lost]
    faults: list[Fault]


def export_verify(place: BackupPlace, *, tell: Tell) -> tuple[Manifest, Census]:
    """Read all of an export, and look at each row and blob.

    Raises:
        NotFoundError: there is none, or it is unfinished.
        DamagedExportError: a file is missing or damaged, or has what an export has not.
        PermanentError: it is of a form, or has columns, that this version does not know.
    """
    manifest = manifest_read(place)
    with export_opened(place, manifest) as export:
        census = census_taken(export)
        _blobs_check(export, census, tell)
    return manifest, census


def export_import(place: BackupPlace, to: Destination, *, dry_run: bool = False, tell: Tell, actor: Actor) -> Imported:
    """Import an export. A dry run does all but to store blobs, and takes it back.

    Raises:
        as `export_verify`, before anything is written
        NotFoundError: there is no such tenant.
        ConflictError: the tenant is there already, or has such knowledge bases; or a backup is being made.
        PermanentError: the tenant may not upload so much more.
        TransientError: the database, the store or the place does not answer.
    """
    manifest = manifest_read(place)
    with export_opened(place, manifest) as export, backups_locked() as lock_check:
        census = census_taken(export)
        landing = landing_found(manifest, to)
        ids = ids_chosen(landing, census)
        names = names_chosen(manifest, landing, census, to)
        quota_check(landing, census.blob_bytes)
        _blobs_check(export, census, tell)
        blobs = {} if dry_run else _blobs_bring(export, census, landing, tell)
        with removed_on_failure(*blobs.values()):
            lock_check()
            with _told_errors(), transaction.atomic():
                named = {name: blobs[name].name if name in blobs else _nowhere(landing) for name in census.blobs}
                imported = _Import(export, census, landing, ids, named, names, actor).run()
                transaction.set_rollback(dry_run)
        if not dry_run:
            quota_use(landing, census.blob_bytes)
    return imported


def _nowhere(landing: Landing) -> str:
    """The name of a blob that is not there: a dry run brings none, and an export may lack some."""
    return f"{landing.tenant_id}/{new_id()}"


@dataclass
class _Import:
    """The transaction's work, step by step."""

    export: Export
    census: Census
    landing: Landing
    ids: Ids
    blobs: Mapping[str, str]
    names: Mapping[str, str]
    actor: Actor
    rows: dict[str, int] = field(default_factory=dict)

    def run(self) -> Imported:
        with connection.cursor() as cursor:
            cursor.execute(_PATIENT)
        tenant = self.landing.tenant_made(self.actor)
        people = people_found(
            list(self.census.people.values()), tenant=tenant, is_new=self.landing.is_new, actor=self.actor
        )
        arrival = Arrival(tenant, self.ids, self.census, people, self.blobs, self.names, self.actor)
        for table in TABLES:
            self.rows[table.name] = self._table(arrival, table)
        self._masking()
        ring(PARSE)
        ring(CHUNK)
        self._settings(arrival)
        self._tell(arrival)
        return self._told(arrival)

    def _table(self, arrival: Arrival, table: Table) -> int:
        count, tell = 0, _TOLD.get(table.model)
        found = ((row, arrival.row(table, row)) for row in self.export.rows(table))
        for some in _portions((old, new) for old, new in found if new is not None):
            rows_put(table.model, [new for _, new in some])
            if tell is not None:
                emit_each((event, self.actor) for old, new in some for event in tell(arrival, old, new))
            count += len(some)
        return count

    def _masking(self) -> None:
        """A masking that was being applied is so again: what is masked already is passed over."""
        for base in KnowledgeBase.objects.filter(pk__in=map(self.ids.of, self.census.masked)).order_by("pk"):
            masking_apply(base, actor=self.actor)

    def _settings(self, arrival: Arrival) -> None:
        """Those that this installation takes. Last, as who sets one waits for others who do."""
        for one in self.export.manifest.settings:
            place = self._place(one.knowledge_base_id)
            if place is None:
                continue
            try:
                setting_set(name=one.name, place=place, value=one.value, actor=self.actor)
            except PermanentError as error:
                arrival.lost.append(Lost(f"setting {one.name[:80]}", error.message))

    def _place(self, base: str | None) -> Place | None:
        """Where a setting is set; None for one of a whole tenant where that is not made by the import."""
        if base is None:
            return Place(self.landing.tenant_id) if self.landing.is_new else None
        if base not in self.names:
            raise DamagedExportError("manifest.json of the export is damaged: a setting is of another knowledge base.")
        return Place(self.landing.tenant_id, UUID(self.ids.of(base)))

    def _tell(self, arrival: Arrival) -> None:
        manifest, tenant = self.export.manifest, arrival.tenant
        what = f"{len(self.names)} knowledge bases were imported into tenant {tenant.slug}"
        details = {
            "export": manifest.id, "place": self.export.place.address, "rows": sum(self.rows.values()),
            "knowledge_bases": sorted(map(self.ids.of, self.names))[:1_000], "lost": len(arrival.lost),
        }  # fmt: skip
        change_log(what, actor=self.actor, action="export.imported", of=tenant, details=details)

    def _told(self, arrival: Arrival) -> Imported:
        bases = {self.ids.of(old): name for old, name in self.names.items()}
        return Imported(
            self.export.manifest, arrival.tenant.slug, self.landing.is_new, self.ids.kept, bases, self.rows, arrival.lost,
            self.export.manifest.faults,
        )  # fmt: skip


def _document_told(arrival: Arrival, old: Row, new: Row) -> Iterator[Event]:
    """That it was accepted, with the version that is to answer."""
    if (newest := arrival.census.newest.get(old["id"])) is not None:
        yield DocumentCreated(
            tenant_id=arrival.tenant.pk, knowledge_base_id=UUID(new["knowledge_base_id"]), document_id=UUID(new["id"]),
            version_id=UUID(arrival.ids.of(newest.version)), title=str(new["title"]), content_hash=newest.content_hash,
        )  # fmt: skip


def _grant_told(arrival: Arrival, old: Row, new: Row) -> Iterator[Event]:
    document, base = new["document_id"], new["knowledge_base_id"]
    of_base = base or arrival.ids.of(arrival.census.base_of[old["document_id"]])
    yield GrantCreated(
        tenant_id=arrival.tenant.pk, knowledge_base_id=UUID(of_base), document_id=UUID(document) if document else None,
        grant_id=UUID(new["id"]), user_id=new["user_id"], group_id=new["group_id"], api_key_id=None, role=str(new["role"]),
    )  # fmt: skip


_TOLD: Mapping[Any, Callable[[Arrival, Row, Row], Iterator[Event]]] = {Document: _document_told, Grant: _grant_told}
"""What is told of rows that come to be, by their table. What is told of versions tells the pipeline."""


def _portions(pairs: Iterable[tuple[Row, Row]]) -> Iterator[list[tuple[Row, Row]]]:
    some: list[tuple[Row, Row]] = []
    size = 0
    for old, new in pairs:
        some.append((old, new))
        size += sum(len(value) for value in new.values() if isinstance(value, (str, list)))
        if len(some) >= AT_ONCE or size >= AT_ONCE_LENGTH:
            yield some
            some, size = [], 0
    if some:
        yield some


def _blobs_check(export: Export, census: Census, tell: Tell) -> None:
    """Raises DamagedExportError, before anything is written; PermanentError: a file is longer than one may be here."""
    most = UploadSettings.current().max_bytes
    for file in census.blobs.values():
        if file.bytes > most:
            raise upload_too_large(file.name)
    for _ in in_threads(partial(_read, export.place), _there(export, census)):
        tell(1)


def _read(place: BackupPlace, file: StoredFile) -> None:
    for _ in from_export(place, f"{BLOBS}/{file.name}", file):
        pass


def _there(export: Export, census: Census) -> Iterator[StoredFile]:
    """The blobs that the export has."""
    lacking = {fault.name.removeprefix(f"{BLOBS}/") for fault in export.manifest.faults}
    return (file for name, file in census.blobs.items() if name not in lacking)


def _blobs_bring(export: Export, census: Census, landing: Landing, tell: Tell) -> dict[str, Blob]:
    """Store the blobs under new names; each by its name there. Where one can't be stored, none stays."""
    brought: dict[str, Blob] = {}

    def bring(file: StoredFile) -> None:
        parts = from_export(export.place, f"{BLOBS}/{file.name}", file)
        brought[file.name] = blob_write(parts, tenant_id=landing.tenant_id, filename=file.name)

    try:
        for _ in in_threads(bring, _there(export, census)):
            tell(1)
    except BaseException:
        blobs_discard([blob.name for blob in brought.values()])
        raise
    return brought


@contextmanager
def _told_errors() -> Iterator[None]:
    """What the database refuses is a row that was made up, or something that came to be here meanwhile."""
    try:
        yield
    except (IntegrityError, DataError) as error:
        first = str(error).strip().partition("\n")[0]
        if isinstance(error.__cause__, UniqueViolation):
            raise ConflictError(
                f"A row of the export is there already: {first}.",
                action="Nothing was imported. If something like it was made here a moment ago, run it again.",
            ) from error
        raise DamagedExportError(f"The database refuses a row of the export: {first}.") from error


_PATIENT = """
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL transaction_timeout = 0
"""
