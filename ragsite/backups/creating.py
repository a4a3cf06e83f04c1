"""Making a backup while everything goes on.

The order is what makes it whole: keep blobs from being removed; choose a moment of the database; write down the database and what
it names, as of that moment; copy what it names; and last the manifest, by which it counts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.db import transaction

from ragsite import VERSION
from ragsite.backups import keeping
from ragsite.backups.copying import Copies, Tell, blobs_copy, file_write, missing_of, models_copy
from ragsite.backups.keys import keys_marked
from ragsite.backups.manifest import (
    BACKUPS,
    BLOB_LIST,
    DUMP,
    MODEL_LIST,
    Manifest,
    StoredFile,
    backup_id,
    line_of,
    lines_read,
    manifest_write,
)
from ragsite.backups.model_files import ModelsKept, model_files
from ragsite.backups.places import BLOBS, BackupPlace
from ragsite.backups.snapshots import Facts, Snapshot, backups_locked, snapshot_taken
from ragsite.core.actors import Actor, change_log
from ragsite.core.configuration import ModelStoreSettings
from ragsite.core.environment import Environment


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a backup would bring: the database's size on its disk, all blobs, and those that the place lacks."""

    database_bytes: int
    blobs: int
    missing: int
    missing_bytes: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written down of the moment, before anything was copied."""

    files: list[StoredFile]
    facts: Facts
    models: list[tuple[StoredFile, Path]]


def backup_foresee(place: BackupPlace) -> Foreseen:
    """What `backup_create` would copy. Nothing is written."""
    with snapshot_taken() as snapshot:
        wanted = [StoredFile(f"{BLOBS}/{one.name}", one.bytes, one.sha256) for one in snapshot.blobs()]
        lacking = list(missing_of(wanted, place.entries(BLOBS)))
        return Foreseen(snapshot.disk_bytes(), len(wanted), len(lacking), sum(one.bytes for one in lacking))


def backup_create(
    place: BackupPlace, *, models: ModelsKept, keep: int | None, tell: Tell, actor: Actor
) -> tuple[Manifest, list[str]]:
    """Make a backup; its manifest, and which older ones were removed, as `keep` says how many stay.

    Raises:
        ConflictError: another one is being made.
        ConfigurationError: pg_dump is missing or too old, or the login does not own the tables.
        TransientError: the database, the store or the place does not answer; what was copied is there for the next one.
    """
    with backups_locked() as lock_check:
        made_at = datetime.now(UTC)
        backup = backup_id(made_at)
        place.tidy()
        with snapshot_taken() as snapshot:
            written = _write_down(place, f"{BACKUPS}/{backup}", snapshot, models)
        blobs = blobs_copy(place, lambda: lines_read(place.read(f"{BACKUPS}/{backup}/{BLOB_LIST}")), tell=tell)
        kept = models_copy(place, written.models, tell=tell)
        manifest = _manifest(backup, made_at, written, blobs, kept)
        lock_check()
        manifest_write(place, manifest)
        removed = keeping.older_remove(place, keep=keep) if keep else []
    what = f"the backup {backup} was made in {place.address}"
    with transaction.atomic():
        change_log(what, actor=actor, action="backup.created", details={"backup": backup, "place": place.address})
    return manifest, removed


def _write_down(place: BackupPlace, folder: str, snapshot: Snapshot, models: ModelsKept) -> Written:
    """The lists of what the database names, and the database."""
    facts, kept = snapshot.facts(), list(model_files(snapshot.model_versions(), models))
    files = [
        file_write(place, f"{folder}/{BLOB_LIST}", map(line_of, snapshot.blobs())),
        file_write(place, f"{folder}/{MODEL_LIST}", (line_of(file) for file, _ in kept)),
        file_write(place, f"{folder}/{DUMP}", snapshot.dump()),
    ]
    return Written(files, facts, kept)


def _manifest(backup: str, made_at: datetime, written: Written, blobs: Copies, models: Copies) -> Manifest:
    facts = written.facts
    return Manifest(
        id=backup,
        made_at=made_at.isoformat(timespec="seconds"),
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=VERSION,
        server_version=facts.server_version,
        migrations=facts.migrations,
        roles=facts.roles,
        keys=keys_marked(),
        settings=settings_given(),
        rows=facts.rows,
        models_folder=str(ModelStoreSettings.current().folder),
        files=written.files,
        blobs=blobs.total,
        models=models.total,
        faults=[*blobs.faults, *models.faults],
    )


def settings_given() -> list[str]:
    """The names of the settings that this process was given, without what they say."""
    return sorted(name.upper() for name in Environment.model_fields if os.environ.get(name.upper()))
