"""A document's own chunking: checked before it is kept, and put into effect without a moment's gap in the answers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.lifecycle.deriving import version_derive
from apps.documents.lifecycle.stages import CHUNK
from apps.documents.lifecycle.steps import versions_move
from apps.documents.models import (
    Chunk,
    Document,
    DocumentVersion,
    KnowledgeBase,
    OriginalText,
    ParsedText,
    StageOutcome,
    StageRecord,
    VersionStatus,
)
from ragsite.core.actors import Actor
from ragsite.core.jobs import ring

ON_ITS_WAY = (VersionStatus.PARSED, VersionStatus.CHUNKED, VersionStatus.EMBEDDED)


def chunking_check(knowledge_base: KnowledgeBase, override: dict[str, Any]) -> None:
    """Refuse what a document of the knowledge base can't be cut by.

    Raises:
        InvalidChunkingError: a setting does not exist, or is invalid together with the knowledge base's.
    """
    ChunkingSettings.from_dict(knowledge_base.chunking).overridden(override)


def document_rechunk(*, document: Document, actor: Actor) -> None:
    """Have the document cut by its present settings, in the caller's transaction, which holds the document's row.

    Versions on their way go back to where they are chunked; a worker that is at one can write nothing any more. The
    current version keeps answering: its text becomes a new version, which takes over once it is ready. Chunks
    whose text is the same take over their vectors. One that stopped takes the settings when it is retried.
    """
    on_its_way = document.versions.filter(status__in=ON_ITS_WAY)
    for version in on_its_way.select_for_update(of=("self",), no_key=True).order_by("pk"):
        _take_back(version, actor)
    current = document.current_version
    if current is not None and not _is_being_cut(on_its_way, current):
        version_derive(
            current,
            document=document,
            text=ParsedText.objects.get(version=current),
            original=OriginalText.objects.filter(version=current).first(),
            edits=current.edits.all(),
            actor=actor,
        )
    ring(CHUNK)


def _take_back(version: DocumentVersion, actor: Actor) -> None:
    Chunk.objects.filter(version=version).delete()
    here = DocumentVersion.objects.filter(pk=version.pk)
    before = VersionStatus(version.status)
    fresh: dict[str, Any] = {"chunk_count": 0, "attempts": 0, "not_before": Now()}
    versions_move(here, before=before, after=VersionStatus.PARSED, actor=actor.as_dict(), **fresh)
    StageRecord.objects.filter(version=version, finished_at=None).update(
        outcome=StageOutcome.CANCELLED, finished_at=Now(), actor=actor.as_dict()
    )


def _is_being_cut(on_its_way: QuerySet[DocumentVersion], current: DocumentVersion) -> bool:
    return on_its_way.filter(rechunk_of_id=current.upload_id).exists()
