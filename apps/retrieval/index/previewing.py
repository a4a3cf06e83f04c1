"""Previews of how a document would be cut, as they are asked for. Imports no model library: the web process asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.models import DocumentVersion, VersionStatus
from apps.retrieval.index.generations import generation_live
from apps.retrieval.models import CutPreview, PreviewState
from ragsite.core.actors import Actor
from ragsite.core.bites import bites, rows_bite
from ragsite.core.errors import ConflictError, RagError
from ragsite.core.jobs import ring
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import LeasedRows, Turn
from ragsite.gateway.roles import AnyUser

CUT_PREVIEW = "cut-preview"
"""The job's name for those who ring."""

KEPT = timedelta(hours=1)


class CutPreviews(LeasedRows):
    """Previews that somebody waits for, the oldest first."""

    model, what = CutPreview, "the preview of a cut"

    def open(self) -> QuerySet[CutPreview]:
        return CutPreview.objects.filter(state=PreviewState.OPEN).order_by("not_before", "id")

    def fail(self, claim: Claim, error: RagError) -> None:
        self.held(claim).update(state=PreviewState.FAILED, error=error.sentence, **RELEASED)


CUT_PREVIEWS = CutPreviews()


def cut_preview_ask(*, version: DocumentVersion, chunking: Mapping[str, Any], user: Any, actor: Actor) -> CutPreview:
    """Have a worker find out how a version would be cut by these settings, but for those that its document has of its own.

    Raises:
        InvalidChunkingError: no document can be cut so.
        ConflictError: there is no index yet whose model counts the tokens, or the version is not ready.
    """
    document = version.document
    settings = ChunkingSettings.from_dict(chunking).overridden(document.chunking)
    if version.status != VersionStatus.READY or generation_live(document.knowledge_base) is None:
        raise ConflictError("This document is not ready yet.", action="Wait until it answers, or choose another one.")
    with transaction.atomic():
        preview = CutPreview.objects.create(
            knowledge_base=document.knowledge_base, version=version, user=user, chunking=settings.to_dict(),
            actor=actor.as_dict(),
        )  # fmt: skip
        ring(CUT_PREVIEW)
    return preview


def cut_preview_of(user: AnyUser, preview_id: UUID) -> CutPreview | None:
    """The preview of that id, if the user asked for it."""
    related = CutPreview.objects.select_related("version__document", "knowledge_base")
    return related.filter(pk=preview_id, user=user.pk).first()


def cut_previews_purge(turn: Turn) -> bool:
    """Forget previews that were looked at long ago; whether some are left."""
    old = CutPreview.objects.filter(created_at__lt=Now() - KEPT).order_by("created_at")
    return bites(turn, lambda: rows_bite(old))
