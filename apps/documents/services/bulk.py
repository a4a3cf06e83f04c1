"""Many files at once: each is taken or refused by itself, and what became of it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from apps.documents.models import DocumentVersion, KnowledgeBase
from apps.documents.parsing.sniffing import safe_filename, sniff
from apps.documents.services.rechunking import chunking_check
from apps.documents.services.uploads import (
    Foreseen,
    Upload,
    UploadOutcome,
    UploadRequest,
    document_upload,
    upload_foresee,
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
    for file in request.files:
        if file.size > settings.RAGSITE_MAX_UPLOAD_BYTES:
            yield FileResult(file.name, error=upload_too_large(file.name))
        else:
            yield from results_of(file, lambda source: _upload(request, source))


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


def _upload(request: BulkRequest, source: Source) -> Upload | Foreseen:
    upload = UploadRequest(
        knowledge_base=request.knowledge_base,
        filename=source.filename,
        parts=source.parts(),
        metadata=request.metadata,
        tags=request.tags,
        chunking=request.chunking,
        principal=request.principal,
    )
    return _unchanged(upload, source) or document_upload(upload)


def _unchanged(upload: UploadRequest, source: Source) -> Foreseen | None:
    """What is there already, found without storing the bytes once more. An archive's member would be unpacked twice."""
    if source.path is None:
        return None
    with on_disk(source) as path:
        foreseen = upload_foresee(upload, sha256_of(path))
        if foreseen.outcome is not UploadOutcome.UNCHANGED:
            return None
        sniff(path, safe_filename(upload.filename))
    return foreseen
