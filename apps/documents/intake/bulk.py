"""Many files at once: each is accepted or refused by itself, and its result is reported.

A file is stored when its turn comes; what was stored is then noted in groups, because recording each by itself costs several
times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from apps.documents.blobs import blobs_discard
from apps.documents.intake.sources import DocumentSource, SourceFile, on_disk, sha256_of, sources_of
from apps.documents.intake.upload_groups import Arrival, uploads_note
from apps.documents.intake.uploads import (
    Upload,
    UploadForecast,
    UploadOutcome,
    UploadRequest,
    upload_store,
    versions_holding,
)
from apps.documents.lifecycle.rechunking import chunking_check
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.parsing.sniffing import safe_filename, sniff
from apps.documents.rights.access import documents_visible
from apps.documents.upload_limits import upload_too_large
from ragsite.core.actors import Actor
from ragsite.core.configuration import UploadSettings
from ragsite.core.errors import RagError
from ragsite.gateway.keys import Principal

GROUP_FILES = 100
GROUP_BYTES = 64 * 1024 * 1024
"""So many files, or a little more than so many bytes, are noted together: meanwhile what is stored belongs to nobody."""


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of a file: an outcome, with the version to watch, or the error it was refused with."""

    filename: str
    outcome: UploadOutcome | None = None
    version: DocumentVersion | None = None
    error: RagError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """Files for one knowledge base, and what the caller says about all of them."""

    knowledge_base: KnowledgeBase
    files: Iterable[SourceFile]
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    chunking: dict[str, Any] = field(default_factory=dict)
    restricted: bool = False
    principal: Principal | None = None


@dataclass(frozen=True, slots=True)
class _NamedArrival:
    """A document to be whose bytes are stored, and what its owner calls it."""

    name: str
    arrival: Arrival


Taken = TypeVar("Taken")


def documents_upload(request: BulkRequest, *, actor: Actor) -> Iterator[FileResult]:
    """Upload the files, and each member of a ZIP; the results in their order. A refusal is a result.

    Raises:
        InvalidChunkingError: no document of the knowledge base can be cut by the request's chunking; no file is taken.
    """
    chunking_check(request.knowledge_base, request.chunking)
    files = list(request.files)
    held = _held(request, files)
    for group in _groups(_stored(request, files, held)):
        yield from _noted(group, actor)


def results_of(file: SourceFile, take: Callable[[DocumentSource], Taken]) -> Iterator[Taken | FileResult]:
    """What `take` makes of each document that the file brings, or why not."""
    try:
        for source in sources_of(file):
            yield _taken(source, take)
    except RagError as error:
        yield FileResult(file.name, error=error)


def _taken(source: DocumentSource, take: Callable[[DocumentSource], Taken]) -> Taken | FileResult:
    try:
        return take(source)
    except RagError as error:
        return FileResult(source.name, error=error)


def result_of(name: str, taken: Upload | UploadForecast | RagError) -> FileResult:
    """The result that is reported for the document of that name."""
    if isinstance(taken, RagError):
        return FileResult(name, error=taken)
    return FileResult(name, taken.outcome, taken.version)


def _stored(
    request: BulkRequest, files: Iterable[SourceFile], held: Mapping[Path, DocumentVersion]
) -> Iterator[FileResult | _NamedArrival]:
    """Each document in its turn: its result, where there is one already, or its bytes in the store."""
    for file in files:
        if file.size > UploadSettings.current().max_bytes:
            yield FileResult(file.name, error=upload_too_large(file.name))
        else:
            yield from results_of(file, lambda source: _store(request, source, held))


def _store(
    request: BulkRequest, source: DocumentSource, held: Mapping[Path, DocumentVersion]
) -> FileResult | _NamedArrival:
    if source.path is not None and source.path in held:
        return _unchanged(source, held[source.path])
    upload = UploadRequest(
        knowledge_base=request.knowledge_base,
        filename=source.filename,
        parts=source.parts(),
        metadata=request.metadata,
        tags=request.tags,
        chunking=request.chunking,
        restricted=request.restricted,
        principal=request.principal,
    )
    return _NamedArrival(source.name, Arrival(upload, upload_store(upload)))


def _groups(turns: Iterable[FileResult | _NamedArrival]) -> Iterator[list[FileResult | _NamedArrival]]:
    """As many as are noted together. What waits is removed when anything but a refusal ends the request early."""
    group: list[FileResult | _NamedArrival] = []
    size = 0
    try:
        for turn in turns:
            group.append(turn)
            size += turn.arrival.stored.blob.size if isinstance(turn, _NamedArrival) else 0
            if len(group) >= GROUP_FILES or size >= GROUP_BYTES:
                whole, group, size = group, [], 0
                yield whole
    except BaseException:
        blobs_discard([arrival.stored.blob.name for arrival in _arrivals(group)])
        raise
    if group:
        yield group


def _arrivals(group: Iterable[FileResult | _NamedArrival]) -> list[Arrival]:
    return [turn.arrival for turn in group if isinstance(turn, _NamedArrival)]


def _noted(group: Sequence[FileResult | _NamedArrival], actor: Actor) -> Iterator[FileResult]:
    uploads = iter(uploads_note(_arrivals(group), actor=actor))
    for turn in group:
        yield turn if isinstance(turn, FileResult) else result_of(turn.name, next(uploads))


def _unchanged(source: DocumentSource, version: DocumentVersion) -> FileResult:
    with on_disk(source) as path:
        sniff(path, safe_filename(source.filename))
    return FileResult(source.name, UploadOutcome.UNCHANGED, version)


def _held(request: BulkRequest, files: Sequence[SourceFile]) -> dict[Path, DocumentVersion]:
    """The version to watch of each file whose bytes the caller sees there already, so that these are not stored once more.

    Archives are not opened here; a file that can't be read, or is hidden, is reported when its turn comes.
    """
    visible = documents_visible(request.principal) if request.principal else Document.objects.all()
    if request.restricted:
        visible = visible.filter(restricted=True)
    hashes: dict[Path, str] = {}
    for file in files:
        if file.size <= UploadSettings.current().max_bytes:
            with suppress(OSError):
                hashes[file.path] = sha256_of(file.path)
    held = versions_holding(visible.filter(knowledge_base=request.knowledge_base), set(hashes.values()))
    return {path: held[sha256] for path, sha256 in hashes.items() if sha256 in held}
