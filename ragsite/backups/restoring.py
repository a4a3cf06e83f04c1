"""Restoring a backup into an empty installation, and showing that it is whole.

Everything that can be wrong is looked for before anything is written. Blobs come first and the database after them, in one
transaction: an interrupted restore leaves an empty database, or a whole one that is marked, and is simply run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from django.db import connection, transaction

from apps.documents.blobs import blob_store, blobs_after, blobs_delete
from apps.documents.upload_limits import storage_errors
from apps.retrieval.index.stores.rebuilding import stores_rebuild
from ragsite.backups.copying import MODELS, Tell, blob_parts, fault_of, from_backup, in_threads
from ragsite.backups.keys import keys_missing
from ragsite.backups.looking import Looked, blobs_look, chunk_look
from ragsite.backups.manifest import (
    BLOB_LIST,
    DUMP,
    MODEL_LIST,
    DamagedBackupError,
    Fault,
    Manifest,
    StoredFile,
    files_listed,
)
from ragsite.backups.model_files import paths_follow, place_after
from ragsite.backups.places import BLOBS, BackupPlace, FolderPlace, as_file
from ragsite.backups.settling import leases_release
from ragsite.backups.target import TargetDatabase, migrate, migrations_lacking, target_database
from ragsite.backups.verifying import backup_verify
from ragsite.core.actors import Actor, change_log
from ragsite.core.configuration import ModelStoreSettings
from ragsite.core.errors import ConfigurationError, ConflictError
from ragsite.core.storage.store import Parts

PAGE = 10_000
NAMED = 3


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it. `faults` are blobs that are not as their versions say; `rows` tables with another number of rows."""

    manifest: Manifest
    migrated: list[str]
    released: int
    faults: list[Fault]
    rows: dict[str, tuple[int, int]]
    looked: Looked

    @property
    def is_whole(self) -> bool:
        return not self.faults and not self.rows and self.looked.is_well


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that can be restored here: migrations it lacks, and whether an interrupted restore of it goes on."""

    lacking: list[str]
    resumes: bool


def restore_check(place: BackupPlace, manifest: Manifest, *, without_keys: bool, tell: Tell) -> Checked:
    """Look for all that can be wrong. Nothing is written.

    Raises:
        DamagedBackupError: files of it are missing or damaged; the first are named.
        ConfigurationError: a key is another one than when the backup was made, and `without_keys` does not accept that; or roles
            are missing.
        PermanentError: it is of a newer version.
        ConflictError: the installation is not empty.
    """
    if not without_keys:
        _check_keys(manifest)
    lacking = migrations_lacking(manifest)
    with target_database() as target:
        target.check(manifest)
        resumes = not target.is_empty
    if foreign := _foreign_blobs(place, manifest):
        raise ConflictError(
            f"The storage for documents is not empty: it has {foreign}, which is not of this backup.",
            action="Restore into an empty one: nothing that is there is overwritten.",
        )
    if faults := backup_verify(place, manifest, tell=tell):
        told = "; ".join(f"{one.name}: {one.what}" for one in faults[:NAMED])
        raise DamagedBackupError(f"{len(faults)} files of the backup {manifest.id} are missing or damaged: {told}.")
    return Checked(lacking, resumes)


def restore(place: BackupPlace, manifest: Manifest, *, without_keys: bool, tell: Tell, actor: Actor) -> Restored:
    """Restore a backup. Raises as `restore_check`, before anything is written."""
    checked = restore_check(place, manifest, without_keys=without_keys, tell=tell)
    with target_database() as target:
        if not checked.resumes:
            target.begin(manifest)
        blobs_restore(place, manifest, tell=tell)
        rows = {} if checked.resumes else _database_restore(place, manifest, target)
        if checked.lacking:
            migrate()
        connection.close()
        released = leases_release()
        stores_rebuild()
        models_restore(place, manifest)
        faults, looked = blobs_look(tell=tell), chunk_look()
        what = f"the backup {manifest.id} of {manifest.made_at} was restored"
        with transaction.atomic():
            change_log(what, actor=actor, action="backup.restored", details={"backup": manifest.id})
        target.end()
    return Restored(manifest, checked.lacking, released, faults, rows, looked)


def blobs_restore(place: BackupPlace, manifest: Manifest, *, tell: Tell) -> None:
    """Bring the blobs back that are not there as they must be."""
    known = {fault.name.removeprefix(f"{BLOBS}/") for fault in manifest.faults}
    wanted = (file for file in files_listed(place, manifest, BLOB_LIST) if file.name not in known)
    there = set(_names_there())
    for _ in in_threads(partial(_blob_restore, place, there), wanted):
        tell(1)


def models_restore(place: BackupPlace, manifest: Manifest) -> None:
    """Bring the files of models back that the backup has, and let the registry name where they lie now."""
    before, now = Path(manifest.models_folder), ModelStoreSettings.current().folder
    known, restored = {fault.name for fault in manifest.faults}, set()
    folder = FolderPlace(now, "folder of models")
    for file in files_listed(place, manifest, MODEL_LIST):
        kept = replace(file, name=f"{MODELS}/{file.sha256}")
        at = str(place_after(file.name, before=before, now=now).relative_to(now))
        if kept.name not in known:
            if fault_of(file, partial(folder.read, at)) is not None:
                folder.write(at, from_backup(place, kept.name, kept))
            restored.add(file.name)
    paths_follow(before=before, now=now, restored=frozenset(restored))


def _database_restore(place: BackupPlace, manifest: Manifest, target: TargetDatabase) -> dict[str, tuple[int, int]]:
    with as_file(place, manifest.file(DUMP).name) as dump:
        target.fill(dump)
    return target.rows_that_differ(manifest)


def _blob_restore(place: BackupPlace, there: set[str], file: StoredFile) -> None:
    """What a killed restore left of a blob is replaced; the store has nothing but this backup's."""
    store = blob_store()
    with storage_errors():
        if file.name in there:
            if fault_of(file, partial(blob_parts, file.name)) is None:
                return
            blobs_delete([file.name])
        store.save(file.name, Parts(from_backup(place, f"{BLOBS}/{file.name}", file)))


def _check_keys(manifest: Manifest) -> None:
    if missing := keys_missing(manifest.keys):
        raise ConfigurationError(
            f"{' and '.join(missing)} is another one than when the backup was made: what was sealed with it could not be read.",
            action="Give the one of that time (embedded: put its file secret_key into RAGSITE_DATA_DIR), or add it to the earlier"
            " keys. If it is lost, --without-keys restores all but what was sealed.",
        )


def _foreign_blobs(place: BackupPlace, manifest: Manifest) -> str | None:
    """The first blob of the store that the backup does not name."""
    names = _names_there()
    first = next(names, None)
    for file in files_listed(place, manifest, BLOB_LIST) if first is not None else ():
        while first is not None and first == file.name:
            first = next(names, None)
        if first is None or first < file.name:
            break
    return first


def _names_there() -> Iterator[str]:
    position = ""
    while page := blobs_after(position, limit=PAGE):
        yield from page
        position = page[-1]
