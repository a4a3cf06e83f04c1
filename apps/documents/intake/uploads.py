"""An upload: bytes become a document, a new version of one, or are found to be there already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from apps.documents.blobs import Blob, blob_write_looked_at, blobs_discard
from apps.documents.events import DocumentCreated
from apps.documents.lifecycle.contents import document_hold
from apps.documents.lifecycle.rechunking import chunking_check
from apps.documents.lifecycle.stages import PARSE
from apps.documents.metadata import metadata_check
from apps.documents.models import Document, DocumentVersion, KnowledgeBase
from apps.documents.parsing.sniffing import safe_filename, sniff
from apps.documents.rights.access import documents_visible
from apps.documents.services.documents import document_etag
from ragsite.core.actors import Actor
from ragsite.core.bounds import lengths_check
from ragsite.core.composing import composed, composed_json, spellings
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit
from ragsite.gateway.conditions import UNCONDITIONAL, Condition
from ragsite.gateway.keys import Principal


class UploadOutcome(StrEnum):
    CREATED = "created"
    NEW_VERSION = "new_version"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Upload:
    """The result of an upload: the version to watch."""

    outcome: UploadOutcome
    version: DocumentVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """What is uploaded, and what the caller says about it, in NFC. A document that is known keeps what was said of it first.

    `restricted` bytes are read by nobody without a grant on their document: what is known must be so already. Without a
    principal nothing is hidden from the caller. The condition is on a given document.
    """

    knowledge_base: KnowledgeBase
    filename: str
    parts: Iterable[bytes]
    title: str = ""
    external_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    chunking: dict[str, Any] = field(default_factory=dict)
    restricted: bool = False
    document: Document | None = None
    principal: Principal | None = None
    condition: Condition = UNCONDITIONAL

    def __post_init__(self) -> None:
        """Raises PermanentError: more is said about the document than is kept."""
        object.__setattr__(self, "title", composed(self.title))
        object.__setattr__(self, "external_id", composed(self.external_id))
        object.__setattr__(self, "metadata", composed_json(self.metadata))
        metadata_check(self.metadata)
        lengths_check(Document, title=self.title, external_id=self.external_id)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes in the store that no row names yet: what they are called, and what they are."""

    filename: str
    blob: Blob
    document_type: str


@dataclass(frozen=True, slots=True)
class UploadForecast:
    """What an upload would come to; `version` is the newest one of the document whose bytes these are already."""

    outcome: UploadOutcome
    version: DocumentVersion | None = None


def upload_foresee(request: UploadRequest, sha256: str) -> UploadForecast:
    """What `document_upload` would do with bytes of this SHA-256 just now; writes nothing and reads no bytes.

    Raises:
        ConflictError: as the upload would.
    """
    document = _named(request, _living(request)) or _of_these_bytes(request, sha256)
    _refuse_unfit(request, document, sha256)
    outcome = _outcome(document, sha256)
    same = document if outcome is UploadOutcome.UNCHANGED else None
    return UploadForecast(outcome, _newest_of_these_bytes(same) if same else None)


def versions_holding(documents: QuerySet[Document], hashes: Collection[str]) -> dict[str, DocumentVersion]:
    """By SHA-256, the newest version with these bytes of the living one of the documents, the first, that has them now."""
    living = documents.filter(deleted_at=None, content_hash__in=hashes)
    same = Q(content_hash=F("document__content_hash"))
    held = DocumentVersion.objects.select_related("document").filter(same, document__in=living)
    return {version.content_hash: version for version in held.order_by("-document_id", "number")}


def document_upload(request: UploadRequest, *, actor: Actor) -> Upload:
    """Store the bytes and note the version to be worked on.

    A known document, given or found by its external id, gets a new version, whatever other documents hold. Other bytes that are
    there already are the document that holds them, also when they arrive at the same moment: the content hash is reserved by
    a unique constraint. But one with an external id is not the document of another one.

    Raises:
        PermanentError: the name, type, size or chunking is not accepted; nothing is kept.
        NotFoundError: the knowledge base or the document was deleted meanwhile; nothing is kept.
        PreconditionFailedError: the given document is not as the condition says; nothing is kept.
        TransientError: the storage is full or cannot be written; nothing is kept.
    """
    chunking_check(request.knowledge_base, request.chunking)
    return upload_note(request, upload_store(request), actor=actor)


def upload_store(request: UploadRequest) -> StoredFile:
    """Put the bytes into the store. The caller makes sure that they are recorded, or that the blob is removed again.

    Raises:
        PermanentError: the name, type or size is not accepted; nothing is kept.
        TransientError: the storage is full or cannot be written; nothing is kept.
    """
    filename = safe_filename(request.filename)
    writing = blob_write_looked_at(request.parts, tenant_id=request.knowledge_base.tenant_id, filename=filename)
    with writing as (blob, path), removed_on_failure(blob):
        return StoredFile(filename, blob, sniff(path, filename).value)


@contextmanager
def removed_on_failure(*blobs: Blob) -> Iterator[None]:
    """Within the block, blobs that no row names yet: whatever ends it early, they go.

    But for a database that stops answering: whether it committed can't be known, so they are left to the sweep, which asks.
    """
    try:
        yield
    except OperationalError:
        raise
    except BaseException:
        blobs_discard([blob.name for blob in blobs])
        raise


def upload_note(request: UploadRequest, stored: StoredFile, *, actor: Actor) -> Upload:
    """Note bytes that were stored as what `document_upload` says they are; a blob that no version names is removed.

    Raises:
        ConflictError, NotFoundError: as `document_upload`; the blob is removed.
    """
    with removed_on_failure(stored.blob):
        upload = _note(request, stored, actor)
    if upload.version.blob != stored.blob.name:
        blobs_discard([stored.blob.name])
    return upload


def _note(request: UploadRequest, stored: StoredFile, actor: Actor, *, again: bool = True) -> Upload:
    try:
        with transaction.atomic():
            hold_knowledge_base(request.knowledge_base)
            document, outcome = _document(request, stored)
            if outcome is UploadOutcome.UNCHANGED:
                return Upload(outcome, _newest_of_these_bytes(document))
            is_new = outcome is UploadOutcome.CREATED
            number = 1 if is_new else document.versions.count() + 1
            version = version_of(document, stored, number=number, actor=actor)
            version.save(force_insert=True)
            if is_new:
                emit(created_event(document, version), actor=actor)
            ring(PARSE)
            return Upload(outcome, version)
    except IntegrityError as error:
        if again and _is_for_another(request, stored.blob.sha256):
            return _note(request, stored, actor, again=False)
        return _twin(request, stored.blob, error)


def hold_knowledge_base(knowledge_base: KnowledgeBase) -> None:
    """Keep it from being deleted until the transaction ends; other uploads into it go on meanwhile.

    The foreign key does not see to that: it is checked only at commit.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM documents_knowledgebase WHERE id = %s AND deleted_at IS NULL FOR KEY SHARE",
            [knowledge_base.pk],
        )
        if not cursor.rowcount:
            _gone(f"knowledge base {knowledge_base.pk}")


def _gone(what: str) -> NoReturn:
    raise NotFoundError(f"There is no {what}; it was deleted a moment ago.")


def _document(request: UploadRequest, stored: StoredFile) -> tuple[Document, UploadOutcome]:
    """The document these bytes belong to, locked, and what that makes of the upload."""
    # Locked before it is looked at: the same bytes may have come to it a moment ago.
    document = _known(request) or _of_these_bytes(request, stored.blob.sha256)
    _refuse_unfit(request, document, stored.blob.sha256)
    outcome = _outcome(document, stored.blob.sha256)
    if document is None:
        return _create(request, stored), outcome
    if outcome is UploadOutcome.NEW_VERSION:
        document_hold(document.pk, stored.blob.sha256)
    return document, outcome


def _refuse_unfit(request: UploadRequest, document: Document | None, sha256: str) -> None:
    """Refuse bytes of a known document that the caller may not read, or that more people may read than the caller wants."""
    if document is None and request.restricted:
        document = _living(request).filter(content_hash=sha256, restricted=False).first()
    if document is None:
        return
    _refuse_hidden(request, document)
    if request.restricted and not document.restricted:
        raise ConflictError(
            f"These bytes, or this external id, are those of {document.title!r} ({document.pk}), which is not restricted.",
            action="Restrict that document first, then upload again.",
        )


def _refuse_hidden(request: UploadRequest, document: Document) -> None:
    """A document that the caller may not read is neither named nor overwritten; that something exists can't be kept secret."""
    if request.principal and not documents_visible(request.principal).filter(pk=document.pk).exists():
        raise ConflictError(
            "These bytes, or this external id, are those of a document that you may not read.",
            action="Use another external id, or ask an owner of the knowledge base for a grant.",
        )


def _outcome(document: Document | None, sha256: str) -> UploadOutcome:
    """Of bytes for the document, if there is one."""
    if document is None:
        return UploadOutcome.CREATED
    return UploadOutcome.UNCHANGED if document.content_hash == sha256 else UploadOutcome.NEW_VERSION


def _known(request: UploadRequest) -> Document | None:
    locked = _living(request).select_for_update(no_key=True)
    if request.document is not None:
        document = locked.filter(pk=request.document.pk).first() or _gone(f"document {request.document.pk}")
        request.condition.check(document_etag(document))
        return document
    return _named(request, locked)


def _named(request: UploadRequest, documents: QuerySet[Document]) -> Document | None:
    """The one of the documents that has the request's external id, however that is composed."""
    if not request.external_id:
        return None
    return documents.filter(external_id__in=spellings(request.external_id)).order_by("-external_id").first()


def _of_these_bytes(request: UploadRequest, sha256: str) -> Document | None:
    """The document that bytes without a known one are: the first that holds them, and if there is one, that the caller may read.

    Where they have an external id of their own it has none.
    """
    holding = _living(request).filter(content_hash=sha256).order_by("pk")
    if request.external_id:
        holding = holding.filter(external_id="")
    seen = documents_visible(request.principal).filter(pk__in=holding) if request.principal else holding
    return seen.order_by("pk").first() or holding.first()


def _living(request: UploadRequest) -> QuerySet[Document]:
    return Document.objects.filter(knowledge_base=request.knowledge_base, deleted_at=None)


def _create(request: UploadRequest, stored: StoredFile) -> Document:
    document = document_of(request, stored)
    # Only beside one of another external id: else the same bytes that were committed a moment ago are found by the constraint.
    holding = _living(request).filter(content_hash=stored.blob.sha256).exclude(external_id="")
    document.reserves_content = not (request.external_id and holding.exists())
    document.save(force_insert=True)
    return document


def document_of(request: UploadRequest, stored: StoredFile) -> Document:
    """The document that the bytes become where nobody has them yet; not yet saved."""
    return Document(
        tenant_id=request.knowledge_base.tenant_id,
        knowledge_base=request.knowledge_base,
        title=request.title or stored.filename,
        external_id=request.external_id,
        metadata=request.metadata,
        tags=list(request.tags),
        chunking=request.chunking,
        restricted=request.restricted,
        content_hash=stored.blob.sha256,
    )


def version_of(document: Document, stored: StoredFile, *, number: int, actor: Actor) -> DocumentVersion:
    """The version of the document that has these bytes; not yet saved."""
    return DocumentVersion(
        tenant_id=document.tenant_id,
        document=document,
        number=number,
        filename=stored.filename,
        document_type=stored.document_type,
        content_hash=stored.blob.sha256,
        blob=stored.blob.name,
        size=stored.blob.size,
        actor=actor.as_dict(),
    )


def _is_for_another(request: UploadRequest, sha256: str) -> bool:
    """Whether the same bytes were committed first for a document of another external id."""
    held = _living(request).filter(content_hash=sha256).exists()
    return bool(held and request.external_id) and _of_these_bytes(request, sha256) is None


def _twin(request: UploadRequest, blob: Blob, error: IntegrityError) -> Upload:
    """Another upload of the same bytes, or for the same external id, committed first."""
    same = _of_these_bytes(request, blob.sha256)
    _refuse_unfit(request, same, blob.sha256)
    if same is None:
        raise ConflictError(
            f"Another upload for external id {request.external_id!r} is under way.", action="Try again.", retry_after=1
        ) from error
    return Upload(UploadOutcome.UNCHANGED, _newest_of_these_bytes(same))


def _newest_of_these_bytes(document: Document) -> DocumentVersion:
    """The newest version with the document's bytes; a later one may be an older upload that was re-chunked."""
    return document.versions.filter(content_hash=document.content_hash).order_by("-number")[0]


def created_event(document: Document, version: DocumentVersion) -> DocumentCreated:
    """That the document was accepted with this version."""
    return DocumentCreated(
        tenant_id=document.tenant_id,
        knowledge_base_id=document.knowledge_base_id,
        document_id=document.pk,
        version_id=version.pk,
        title=document.title,
        content_hash=version.content_hash,
    )
