"""Which backups a place has, and removing older ones with the bytes that no other names."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.db import transaction

from ragsite.backups.copying import MODELS
from ragsite.backups.manifest import (
    BACKUPS,
    BLOB_LIST,
    MANIFEST,
    MODEL_LIST,
    Manifest,
    backup_ids,
    files_listed,
    manifest_read,
)
from ragsite.backups.places import BLOBS, BackupPlace
from ragsite.backups.snapshots import backups_locked
from ragsite.core.actors import Actor, change_log
from ragsite.core.errors import NotFoundError, PermanentError

REMOVED_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A backup of a place. Without a manifest it is unfinished, or its manifest is `damaged`."""

    id: str
    manifest: Manifest | None
    damaged: bool = False


def backups_list(place: BackupPlace) -> list[Kept]:
    """All of them, the oldest first."""
    return [_kept(place, one) for one in backup_ids(place)]


def backup_remove(place: BackupPlace, backup: str, *, actor: Actor) -> int:
    """Remove a backup, finished or not, and what no other names; how many shared files went.

    Raises:
        NotFoundError: there is none of that id.
        ConflictError: a backup is being made.
        PermanentError: another one's manifest is damaged, so that nobody knows what it needs.
    """
    with backups_locked():
        if backup not in backup_ids(place):
            raise NotFoundError(f"There is no backup {backup!r} in {place.address}.", action="See `backup list`.")
        _remove(place, backup)
        gone = _unnamed_remove(place)
    what = f"the backup {backup} was removed from {place.address}"
    with transaction.atomic():
        change_log(what, actor=actor, action="backup.removed", details={"backup": backup, "place": place.address})
    return gone


def older_remove(place: BackupPlace, *, keep: int) -> list[str]:
    """Remove all but the newest `keep` that are finished, and those that never will be; which. The lock is the caller's.

    While the manifest of one is damaged, nobody knows what that one names: then all that is shared stays.
    """
    there = backups_list(place)
    finished = [one.id for one in there if one.manifest]
    unfinished = [one.id for one in there if one.manifest is None and not one.damaged]
    doomed = [*finished[: max(0, len(finished) - keep)], *unfinished]
    for one in doomed:
        _remove(place, one)
    if doomed and not any(one.damaged for one in there):
        _unnamed_remove(place)
    return doomed


def unnamed(there: Iterable[str], named: Iterable[str]) -> Iterator[str]:
    """Names that are there and not named. Both come in order, and neither is held as a whole."""
    names = iter(named)
    name = next(names, None)
    for one in there:
        while name is not None and name < one:
            name = next(names, None)
        if name != one:
            yield one


def _kept(place: BackupPlace, backup: str) -> Kept:
    try:
        return Kept(backup, manifest_read(place, backup))
    except PermanentError:
        return Kept(backup, None, damaged=True)


def _remove(place: BackupPlace, backup: str) -> None:
    """The manifest first: what is left by an interruption is unfinished."""
    place.remove([f"{BACKUPS}/{backup}/{MANIFEST}"])
    place.remove([entry.name for entry in place.entries(f"{BACKUPS}/{backup}")])


def _unnamed_remove(place: BackupPlace) -> int:
    """Remove the shared files that no backup names."""
    manifests = [manifest_read(place, one) for one in backup_ids(place)]
    finished = [one for one in manifests if one is not None]
    blobs = heapq.merge(*(_blobs_of(place, one) for one in finished))
    models = sorted({f"{MODELS}/{file.sha256}" for one in finished for file in files_listed(place, one, MODEL_LIST)})
    doomed = unnamed((entry.name for entry in place.entries(BLOBS)), blobs)
    gone = _in_bites(place, doomed)
    return gone + _in_bites(place, unnamed((entry.name for entry in place.entries(MODELS)), models))


def _blobs_of(place: BackupPlace, manifest: Manifest) -> Iterator[str]:
    return (f"{BLOBS}/{file.name}" for file in files_listed(place, manifest, BLOB_LIST))


def _in_bites(place: BackupPlace, names: Iterator[str]) -> int:
    gone = 0
    while bite := list(islice(names, REMOVED_AT_ONCE)):
        place.remove(bite)
        gone += len(bite)
    return gone
