"""Exporting a tenant or a knowledge base while everything goes on.

As with a backup the order makes it whole: keep blobs from being removed; choose a moment of the database; write down what there
is as of that moment; copy the blobs that it names; and last the manifest, by which it counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Collate

from apps.documents.models import DocumentVersion, KnowledgeBase
from ragsite import VERSION
from ragsite.backups.copying import Tell, blobs_copy, file_write
from ragsite.backups.manifest import StoredFile, line_of, lines_read
from ragsite.backups.places import BLOBS, BackupPlace
from ragsite.backups.snapshots import backups_locked
from ragsite.core.actors import Actor, change_log
from ragsite.core.dynamic.models import SettingChange
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.ids import new_id
from ragsite.gateway.models import Tenant
from ragsite.transfers.ids import is_id
from ragsite.transfers.manifest import (
    BEGUN,
    BLOB_LIST,
    PEOPLE,
    TABLES_FOLDER,
    Manifest,
    SetThere,
    TableFile,
    is_begun,
    is_made,
    manifest_write,
)
from ragsite.transfers.people import COLUMNS, people_of, person_row
from ragsite.transfers.tables import TABLES, Scope, Table, bases_of, documents_of, versions_of

AT_ONCE = 200
"""Rows that are fetched at a time; texts are long."""

LINES_BYTES = 1024 * 1024
"""Lines are written in pieces of about this size."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an export would have."""

    knowledge_bases: int
    documents: int
    versions: int
    blobs: int
    blob_bytes: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down of the moment, before blobs were copied."""

    scope: Scope
    bases: dict[str, str]
    tables: dict[str, TableFile]
    people: TableFile
    blob_list: StoredFile
    settings: list[SetThere]


def export_foresee(tenant: str, knowledge_base: str | None) -> Foreseen:
    """What `export_create` would write. Nothing is.

    Raises:
        NotFoundError: there is no such tenant or knowledge base.
    """
    with _moment():
        scope = _scope(tenant, knowledge_base)
        sizes = dict(versions_of(scope).order_by().values_list("blob", "size"))
        return Foreseen(
            len(scope.base_ids),
            documents_of(scope).count(),
            versions_of(scope).count(),
            len(sizes),
            sum(sizes.values()),
        )


def export_create(place: BackupPlace, tenant: str, knowledge_base: str | None, *, tell: Tell, actor: Actor) -> Manifest:
    """Export a tenant, or one of its knowledge bases, into an empty place, or one where an export was interrupted.

    Raises:
        NotFoundError: there is no such tenant or knowledge base.
        ConflictError: the place has an export, or other things; or a backup is being made.
        TransientError: the database, the store or the place does not answer.
    """
    with backups_locked() as lock_check:
        made_at = datetime.now(UTC)
        with _moment():
            scope = _scope(tenant, knowledge_base)
            _begin(place, scope)
            written = _write_down(place, scope)
        _stale_remove(place)
        blobs = blobs_copy(place, lambda: lines_read(place.read(BLOB_LIST)), tell=tell)
        manifest = Manifest(
            id=str(new_id()), made_at=made_at.isoformat(timespec="seconds"), version=VERSION,
            tenant_id=str(scope.tenant.pk), tenant=scope.tenant.name, slug=scope.tenant.slug, is_whole=scope.is_whole,
            knowledge_bases=written.bases, tables=written.tables, people=written.people, blob_list=written.blob_list,
            blobs=blobs.total, settings=written.settings, faults=blobs.faults,
        )  # fmt: skip
        lock_check()
        manifest_write(place, manifest)
        place.remove([BEGUN])
    _tell(place, scope, manifest, actor)
    return manifest


def _tell(place: BackupPlace, scope: Scope, manifest: Manifest, actor: Actor) -> None:
    what = f"{len(scope.base_ids)} knowledge bases of tenant {scope.tenant.slug} were exported to {place.address}"
    details = {
        "export": manifest.id, "place": place.address, "whole_tenant": scope.is_whole,
        "knowledge_bases": sorted(manifest.knowledge_bases)[:1_000],
    }  # fmt: skip
    with transaction.atomic():
        change_log(what, actor=actor, action="export.created", of=scope.tenant, details=details)


def _scope(tenant: str, knowledge_base: str | None) -> Scope:
    found = Tenant.objects.filter(slug=tenant).first()
    if found is None:
        raise NotFoundError(f"There is no tenant {tenant!r}.", action="Give its short name, as the admin shows it.")
    living = KnowledgeBase.objects.filter(tenant=found, deleted_at=None).order_by("pk")
    if knowledge_base is None:
        return Scope(found, tuple(living.values_list("pk", flat=True)), is_whole=True)
    meant = Q(pk=knowledge_base) | Q(name=knowledge_base) if is_id(knowledge_base) else Q(name=knowledge_base)
    base = living.filter(meant).first()
    if base is None:
        raise NotFoundError(f"Tenant {tenant!r} has no knowledge base {knowledge_base!r}.", action="See the admin.")
    return Scope(found, (base.pk,), is_whole=False)


@contextmanager
def _moment() -> Iterator[None]:
    """Within the block all that is read is as of one moment."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_MOMENT)
        yield


def _begin(place: BackupPlace, scope: Scope) -> None:
    """Mark that an export is under way; what an interrupted one left is written anew."""
    if is_made(place):
        raise ConflictError(f"{place.address} has an export already.", action="Give an empty folder or prefix.")
    if not is_begun(place) and any(next(place.entries(name), None) for name in (BLOBS, TABLES_FOLDER)):
        raise ConflictError(f"{place.address} is not empty.", action="Give an empty folder or prefix.")
    place.write(BEGUN, [json.dumps({"tenant": scope.tenant.slug}).encode()])


def _write_down(place: BackupPlace, scope: Scope) -> Written:
    tables = {table.name: _table_write(place, table, scope) for table in TABLES}
    bases = {str(pk): name for pk, name in bases_of(scope).values_list("pk", "name")}
    people = _lines_write(place, PEOPLE, map(person_row, people_of(scope)), COLUMNS)
    blob_list = file_write(place, BLOB_LIST, map(line_of, _blobs(scope)))
    return Written(scope, bases, tables, people, blob_list, list(_settings(scope)))


def _table_write(place: BackupPlace, table: Table, scope: Scope) -> TableFile:
    names = list(table.fields)
    found = table.rows(scope).order_by("pk").values_list(*names).iterator(chunk_size=AT_ONCE)
    rows = (dict(zip(names, values, strict=True)) for values in found)
    return _lines_write(place, f"{TABLES_FOLDER}/{table.name}.jsonl", rows, names)


def _lines_write(place: BackupPlace, name: str, rows: Iterable[dict[str, Any]], columns: list[str]) -> TableFile:
    count = 0

    def pieces() -> Iterator[bytes]:
        nonlocal count
        waiting, size = [], 0
        for row in rows:
            count += 1
            waiting.append(f"{json.dumps(row, ensure_ascii=False, default=_text)}\n".encode())
            size += len(waiting[-1])
            if size >= LINES_BYTES:
                yield b"".join(waiting)
                waiting, size = [], 0
        yield b"".join(waiting)

    return TableFile(file_write(place, name, pieces()), count, columns)


def _blobs(scope: Scope) -> Iterator[StoredFile]:
    """What versions name, in the order of names, as places list them."""
    named = DocumentVersion.objects.filter(pk__in=versions_of(scope).values("pk")).annotate(name=Collate("blob", "C"))
    found = named.order_by("name").values_list("name", "size", "content_hash").distinct()
    for name, size, digest in found.iterator(chunk_size=AT_ONCE):
        yield StoredFile(name, size, digest)


def _settings(scope: Scope) -> Iterator[SetThere]:
    current = SettingChange.objects.filter(tenant_id=scope.tenant.pk, is_current=True, value__isnull=False)
    places: list[UUID | None] = [*scope.base_ids, *([None] if scope.is_whole else [])]
    for one in current.order_by("pk"):
        if one.knowledge_base_id in places:
            yield SetThere(one.name, one.value, str(one.knowledge_base_id) if one.knowledge_base_id else None)


def _stale_remove(place: BackupPlace) -> None:
    """Remove blobs that an interrupted export copied and that are gone since: nobody may find their bytes here."""
    named = {f"{BLOBS}/{file.name}" for file in lines_read(place.read(BLOB_LIST))}
    stale = [entry.name for entry in place.entries(BLOBS) if entry.name not in named]
    place.remove(stale)


def _text(value: object) -> str:
    """What JSON has no word for: times with their microseconds, and ids."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


_MOMENT = """
    SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0;
    SET LOCAL transaction_timeout = 0
"""
