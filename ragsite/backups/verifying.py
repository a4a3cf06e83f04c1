"""Whether a backup is what it says: every file is read and held against its size and digest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ragsite.backups.copying import MODELS, Source, Tell, fault_of, in_threads
from ragsite.backups.manifest import BLOB_LIST, MODEL_LIST, Fault, Manifest, StoredFile, files_listed
from ragsite.backups.places import BLOBS, BackupPlace


def backup_verify(place: BackupPlace, manifest: Manifest, *, tell: Tell) -> list[Fault]:
    """What is missing or damaged, beside what could not be copied when the backup was made. Nothing where all is well."""
    own = list(_faults((Source(one, partial(place.read, one.name)) for one in manifest.files), tell))
    if own:
        return own
    known = {fault.name for fault in manifest.faults}
    shared = (source for source in shared_files(place, manifest) if source.file.name not in known)
    return list(_faults(shared, tell))


def shared_files(place: BackupPlace, manifest: Manifest) -> Iterator[Source]:
    """The blobs and the files of models that a backup names, as they lie in the place."""
    for file in files_listed(place, manifest, BLOB_LIST):
        yield _source(place, file, f"{BLOBS}/{file.name}")
    for file in files_listed(place, manifest, MODEL_LIST):
        yield _source(place, file, f"{MODELS}/{file.sha256}")


def _source(place: BackupPlace, file: StoredFile, name: str) -> Source:
    return Source(replace(file, name=name), partial(place.read, name))


def _faults(sources: Iterator[Source], tell: Tell) -> Iterator[Fault]:
    for fault in in_threads(lambda source: fault_of(source.file, source.read), sources):
        tell(1)
        if fault is not None:
            yield fault
