"""A system with work under way, a backup of it made while everything goes on, and places to restore it into."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import psycopg
from django.db import connection
from django.test import override_settings
from psycopg import sql

from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.services import purging
from apps.documents.services.documents import document_delete
from ragsite.backups import creating
from ragsite.backups.copying import Copies, Tell
from ragsite.backups.manifest import Manifest
from ragsite.backups.model_files import ModelsKept
from ragsite.backups.places import BackupPlace, FolderPlace
from ragsite.core.jobs import SilentDoorbell
from ragsite.core.models import OutboxEvent
from ragsite.core.sealing import seal
from tests import factories as make
from tests import turns
from tests.acting import ACTOR

LAST = ("admin", "0003_logentry_add_action_flag_choices")
"""Nothing depends on it."""

DOORBELL = f"{SilentDoorbell.__module__}.{SilentDoorbell.__qualname__}"


def quiet(_: int) -> None:
    """Nobody is told."""


def backed_up(place: BackupPlace, *, keep: int | None = None, models: ModelsKept = ModelsKept.NONE) -> Manifest:
    return creating.backup_create(place, models=models, keep=keep, tell=quiet, actor=ACTOR)[0]


@dataclass
class Made:
    """The system as it was at the backup. `waiting` are events that were not published; `sealed` is a secret of then."""

    place: FolderPlace
    blobs: Path
    base: KnowledgeBase
    deleted: DocumentVersion
    held: DocumentVersion
    late: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    sealed: str = ""
    manifest: Manifest = field(init=False)


def system_made(folder: Path) -> Made:
    """Two documents that are indexed, one that waits, one that a worker was started at for the last time; events that were
    published, and others that were not.
    """
    base = make.knowledge_base(name="Handbooks")
    make.ready_version(base, make.HANDBOOK)
    deleted = make.ready_version(base, "It is deleted while the backup is made.", filename="deleted.txt")
    OutboxEvent.objects.update(sent_at="2026-05-04T00:00:00Z")
    make.upload(base, "It waits to be parsed.", filename="waiting.txt")
    held = make.upload(base, "A worker has it.", filename="held.txt").version
    DocumentVersion.objects.filter(pk=held.pk).update(
        attempts=3, lease_owner="gone:1", lease_until="2999-01-01T00:00:00Z"
    )
    waiting = [str(pk) for pk in OutboxEvent.objects.filter(sent_at=None).values_list("event_id", flat=True)]
    made = Made(
        FolderPlace(folder / "backups"), folder / "blobs", base, deleted, held, waiting=waiting, sealed=seal("key")
    )
    with lacking(LAST), meanwhile(made), uploads_and_purges(base):
        made.manifest = backed_up(made.place)
    return made


@contextmanager
def lacking(migration: tuple[str, str]) -> Iterator[None]:
    """Within the block the database is of the version before a migration, which changes nothing when it is applied again."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", migration)
        try:
            yield
        finally:
            owner.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", migration)


@contextmanager
def meanwhile(made: Made) -> Iterator[None]:
    """Between the moment of the backup and its first copy a document is deleted and purged, and another one uploaded."""
    copy = creating.blobs_copy

    def late(place: BackupPlace, wanted: object, *, tell: Tell) -> Copies:
        document_delete(document=Document.objects.get(pk=made.deleted.document_id), actor=ACTOR)
        assert purging.documents_purge(turns.long()) is False
        with patch.object(purging, "ORPHAN_SECONDS", -60.0):
            assert purging.blobs_purge(turns.long()) is False
        made.late.append(str(make.upload(made.base, "It came too late.", filename="late.txt").version.blob))
        return copy(place, wanted, tell=tell)  # type: ignore[arg-type]

    with patch.object(creating, "blobs_copy", late):
        yield


@contextmanager
def uploads_and_purges(base: KnowledgeBase) -> Iterator[None]:
    """Within the block somebody uploads, deletes and purges, as fast as that goes."""
    over = threading.Event()

    def work() -> None:
        for number in range(10_000):
            if over.is_set():
                break
            version = make.upload(base, f"It comes and goes, {number}.", filename=f"{number}.txt").version
            document_delete(document=version.document, actor=ACTOR)
            purging.documents_purge(turns.long())

    with ThreadPoolExecutor(1) as pool:
        coming_and_going = pool.submit(make.closing(work))
        try:
            yield
        finally:
            over.set()
        coming_and_going.result()


@contextmanager
def database_made(name: str) -> Iterator[str]:
    """An empty database beside ours, for as long as the block lasts."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def working_on(name: str, folder: Path) -> Iterator[Path]:
    """Within the block this process works on another database, and has a data folder of its own."""
    owner = urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path=f"/{name}").geturl()
    with ExitStack() as ends:
        ends.callback(_connect_to, connection.settings_dict["NAME"])
        ends.enter_context(patch.dict(os.environ, DATABASE_OWNER_URL=owner))
        ends.enter_context(blobs_in(folder))
        _connect_to(name)
        yield folder


@contextmanager
def blobs_in(folder: Path) -> Iterator[None]:
    """Within the block a data folder is this process's, and nobody is rung for."""
    places = {"RAGSITE_BLOB_DIR": folder / "blobs", "RAGSITE_MODELS_DIR": folder / "models"}
    with override_settings(**places, RAGSITE_DOORBELL=DOORBELL):
        yield


def _connect_to(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name
