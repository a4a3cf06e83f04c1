"""Versions as things that happen after their upload: cancelled, retried, gone back to, read anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.documents.events import DocumentUpdated
from apps.documents.lifecycle.answering import version_answers
from apps.documents.lifecycle.contents import document_hold
from apps.documents.lifecycle.deriving import version_of_same_bytes
from apps.documents.lifecycle.stages import PARSE, STAGE_FROM
from apps.documents.lifecycle.steps import versions_move
from apps.documents.models import (
    KEPT_BY_TRIGGER,
    LIVING,
    VERSION_ENDED,
    VERSION_STOPPED,
    Chunk,
    Document,
    DocumentVersion,
    StageOutcome,
    StageRecord,
    VersionStatus,
)
from ragsite.core.actors import Actor
from ragsite.core.errors import ConflictError, NotFoundError
from ragsite.core.jobs import ring
from ragsite.core.outbox import emit


def version_cancel(*, version: DocumentVersion, actor: Actor) -> DocumentVersion:
    """Stop the work on a version. A worker that is at it can write nothing any more; what it wrote is undone.

    Raises:
        ConflictError: the version has ended already.
        NotFoundError: it was removed with its document.
    """
    with transaction.atomic():
        locked = _locked(version)
        if locked.status in VERSION_ENDED:
            raise ConflictError(f"Version {locked.pk} is {locked.status}; there is nothing to cancel.")
        Chunk.objects.filter(version=locked).delete()
        _move(
            locked,
            VersionStatus.CANCELLED,
            retry_status=_input_that_stands(locked),
            error_code="cancelled",
            error=f"It was cancelled by {actor.text}. Retry it to take it up again.",
            chunk_count=0,
            actor=actor.as_dict(),
        )
        StageRecord.objects.filter(version=locked, finished_at=None).update(
            outcome=StageOutcome.CANCELLED, finished_at=Now(), actor=actor.as_dict()
        )
    return locked


def version_retry(*, version: DocumentVersion, actor: Actor) -> DocumentVersion:
    """Take up a version that failed or was cancelled where its input still stands.

    Raises:
        ConflictError: the version is under way or ready.
        NotFoundError: the document was deleted.
    """
    with transaction.atomic():
        return _retry(version, actor)


def _retry(version: DocumentVersion, actor: Actor) -> DocumentVersion:
    document, locked = _document_locked(version.document_id), _locked(version)
    if locked.status not in VERSION_STOPPED:
        raise ConflictError(f"Version {locked.pk} is {locked.status}; only one that stopped can be retried.")
    if not _newer(document, locked).filter(_under_way() | Q(pk=document.current_version_id)).exists():
        document_hold(document.pk, locked.content_hash)
    again = VersionStatus(locked.retry_status)
    fresh: dict[str, Any] = {"retry_status": "", "error_code": "", "error": "", "attempts": 0, "not_before": Now()}
    _move(locked, again, actor=actor.as_dict(), **fresh)
    ring(STAGE_FROM[locked.status])
    return locked


def document_rollback(*, document: Document, version: DocumentVersion, actor: Actor) -> Document:
    """Let an earlier, or again a later, version answer. Nothing is embedded: a version that is READY has its vectors.

    Raises:
        ConflictError: the version is not ready, or is of another document; or a newer one is under way, which would answer in
            its place in a moment.
        NotFoundError: the document was deleted.
    """
    with transaction.atomic():
        return _rollback(document, version, actor)


def _rollback(document: Document, version: DocumentVersion, actor: Actor) -> Document:
    locked = _document_locked(document.pk)
    wanted = DocumentVersion.objects.filter(pk=version.pk, document=locked).first()
    if wanted is None or wanted.status != VersionStatus.READY:
        raise ConflictError(
            f"Version {version.pk} is not a ready version of this document.", action="Choose one that is READY."
        )
    if under_way := _newer(locked, wanted).filter(_under_way() | _edits_under_way()).first():
        raise ConflictError(
            f"Version {under_way.number} is under way and would answer as soon as it is ready.",
            action="Cancel it first, or wait until it is ready.",
        )
    if locked.current_version_id != wanted.pk:
        locked.current_version = wanted
        locked.save(update_fields=["current_version"])
        document_hold(locked.pk, wanted.content_hash)
        locked.refresh_from_db(fields=(*KEPT_BY_TRIGGER, "content_hash", "reserves_content"))
        version_answers.send(DocumentVersion, version=wanted)
        emit(
            DocumentUpdated(
                tenant_id=locked.tenant_id,
                knowledge_base_id=locked.knowledge_base_id,
                document_id=locked.pk,
                version_id=wanted.pk,
                version_number=wanted.number,
                changed=("version",),
            ),
            actor=actor,
        )
    return locked


def document_reread(*, document: Document, actor: Actor) -> DocumentVersion:
    """Have the file of the version that answers read anew, as after an upgrade that reads files better.

    It becomes a new version, which takes over once it is ready; until then, and if it fails, the present one answers. Chunks
    whose text stays the same keep their vectors, and earlier citations stay what they are.

    Raises:
        ConflictError: no version answers; a newer one is under way; or its text was edited, which a new reading would undo.
        NotFoundError: the document was deleted.
    """
    with transaction.atomic():
        return _reread(document, actor)


def _reread(document: Document, actor: Actor) -> DocumentVersion:
    locked = _document_locked(document.pk)
    current = locked.current_version
    if current is None:
        raise ConflictError(f"No version of {locked.title!r} answers.", action="Retry the version that failed.")
    if under_way := locked.versions.exclude(status__in=VERSION_ENDED).first():
        raise ConflictError(
            f"Version {under_way.number} of {locked.title!r} is under way.",
            action="Cancel it first, or wait until it is ready.",
        )
    if edits := current.edits.count():
        raise ConflictError(
            f"The text of {locked.title!r} has {edits:,} edits, which a new reading would undo.",
            action="Take the edits back first, and make them again in the new version.",
        )
    version = version_of_same_bytes(current, document=locked, actor=actor)
    ring(PARSE)
    return version


def _document_locked(document_id: UUID) -> Document:
    """Code that also locks a version locks the document first."""
    locked = Document.objects.select_for_update(of=("self",), no_key=True).filter(LIVING, pk=document_id).first()
    if locked is None:
        raise NotFoundError(f"There is no document {document_id}; it was deleted a moment ago.")
    return locked


def _newer(document: Document, version: DocumentVersion) -> QuerySet[DocumentVersion]:
    return document.versions.filter(number__gt=version.number)


def _under_way() -> Q:
    """Uploads that will answer once they are ready. A re-chunked text replaces only itself."""
    return ~Q(status__in=VERSION_ENDED) & Q(rechunk_of=None)


def _edits_under_way() -> Q:
    """An edited text would answer in the place of the version without the edit."""
    return ~Q(status__in=VERSION_ENDED) & Q(edited=True)


def _locked(version: DocumentVersion) -> DocumentVersion:
    locked = DocumentVersion.objects.select_for_update(of=("self",), no_key=True).filter(pk=version.pk).first()
    if locked is None:
        raise NotFoundError(f"There is no version {version.pk}; its document was removed a moment ago.")
    return locked


def _move(locked: DocumentVersion, after: VersionStatus, **columns: Any) -> None:
    versions_move(
        DocumentVersion.objects.filter(pk=locked.pk), before=VersionStatus(locked.status), after=after, **columns
    )
    locked.refresh_from_db()


def _input_that_stands(version: DocumentVersion) -> VersionStatus:
    """A parsed text stays; chunks and vectors were undone."""
    return VersionStatus.UPLOADED if version.status == VersionStatus.UPLOADED else VersionStatus.PARSED
