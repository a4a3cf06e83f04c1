"""Many files at once: each is taken or refused by itself, and what became of it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.documents.access import documents_visible
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.parsing.sniffing import safe_filename, sniff
from apps.documents.services.rechunking import chunking_check
from apps.documents.services.uploads import (
    Foreseen,
    Upload,
    UploadOutcome,
    UploadRequest,
    document_upload,
    versions_holding,
)
from apps.documents.sources import Source, SourceFile, on_disk, sha256_of, sources_of
from apps.documents.uploads import upload_too_large
from ragsite.core.errors import RagError
from ragsite.gateway.keys import Principal


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
    principal: Principal | None = None


def documents_upload(request: BulkRequest) -> Iterator[FileResult]:
    """Upload one file after the other, and each member of a ZIP; the results in their order. A refusal is a result.

    Raises:
        InvalidChunkingError: no document of the knowledge base can be cut by the request's chunking; no file is taken.
    """
    chunking_check(request.knowledge_base, request.chunking)
    files = list(request.files)
    held = _held(request, files)
    for file in files:
        if file.size > settings.RAGSITE_MAX_UPLOAD_BYTES:
            yield FileResult(file.name, error=upload_too_large(file.name))
        else:
            yield from results_of(file, lambda source: _upload(request, source, held))


def results_of(file: SourceFile, take: Callable[[Source], Upload | Foreseen]) -> Iterator[FileResult]:
    """What `take` makes of each document that the file brings, or why not."""
    try:
        for source in sources_of(file):
            yield _result(source, take)
    except RagError as error:
        yield FileResult(file.name, error=error)


def _result(source: Source, take: Callable[[Source], Upload | Foreseen]) -> FileResult:
    try:
        taken = take(source)
    except RagError as error:
        return FileResult(source.name, error=error)
    return FileResult(source.name, taken.outcome, taken.version)


def _upload(request: BulkRequest, source: Source, held: Mapping[Path, DocumentVersion]) -> Upload | Foreseen:
    if source.path is not None and source.path in held:
        return _unchanged(source, held[source.path])
    return document_upload(
        UploadRequest(
            knowledge_base=request.knowledge_base,
            filename=source.filename,
            parts=source.parts(),
            metadata=request.metadata,
            tags=request.tags,
            chunking=request.chunking,
            principal=request.principal,
        )
    )


def _unchanged(source: Source, version: DocumentVersion) -> Foreseen:
    with on_disk(source) as path:
        sniff(path, safe_filename(source.filename))
    return Foreseen(UploadOutcome.UNCHANGED, version)


def _held(request: BulkRequest, files: Sequence[SourceFile]) -> dict[Path, DocumentVersion]:
    """The version to watch of each file whose bytes the caller sees there already, so that these are not stored once more.

    Archives are not looked into; what can't be read, or is hidden, is told when its turn comes.
    """
    visible = documents_visible(request.principal) if request.principal else Document.objects.all()
    hashes: dict[Path, str] = {}
    for file in files:
        if file.size <= settings.RAGSITE_MAX_UPLOAD_BYTES:
            with suppress(OSError):
                hashes[file.path] = sha256_of(file.path)
    held = versions_holding(visible.filter(knowledge_base=request.knowledge_base), set(hashes.values()))
    return {path: held[sha256] for path, sha256 in hashes.items() if sha256 in held}
