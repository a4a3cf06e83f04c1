"""The work on a preview: the document is cut as the chunk stage would, and what it found is noted instead of kept."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from apps.documents.models import Chunk
from apps.models.gateway import Deadline
from apps.retrieval.index.embeddings import embedder
from apps.retrieval.index.generations import generation_live
from apps.retrieval.index.indexing import CUT_SECONDS, version_cut
from apps.retrieval.index.previewing import CUT_PREVIEWS
from apps.retrieval.models import CutPreview, IndexGeneration, PreviewState
from ragsite.core.errors import ConflictError, LeaseLostError, PermanentError
from ragsite.core.leases import RELEASED, Claim
from ragsite.core.work import Turn

MOST_SPANS = 50
MOST_CHARACTERS = 30_000
"""Of the text in which cuts are shown."""

LONGEST_HEADING = 200


def cut_preview_work(claim: Claim, turn: Turn) -> None:
    """Cut the claimed preview's document.

    Raises:
        LeaseLostError: somebody else took over, or it was forgotten.
        PermanentError: the document cannot be cut so.
    """
    related = ("version__document", "version__parsed", "version__original", "knowledge_base")
    preview = CUT_PREVIEWS.held(claim).select_related(*related).first()
    if preview is None:
        raise _lost(claim)
    chunks = _cut(preview)
    found = {
        "spans": [_span(chunk) for chunk in chunks[:MOST_SPANS] if chunk.start < MOST_CHARACTERS],
        "chunk_total": len(chunks),
        "median_tokens": round(median(chunk.token_count for chunk in chunks)),
    }
    if not CUT_PREVIEWS.held(claim).update(state=PreviewState.DONE, error="", **found, **RELEASED):
        raise _lost(claim)


def _cut(preview: CutPreview) -> Sequence[Chunk]:
    live = generation_live(preview.knowledge_base)
    if live is None:
        raise ConflictError("The knowledge base has no index any more.", action="Upload documents first.")
    if not hasattr(preview.version, "parsed"):
        raise PermanentError("The document's text is not there any more.", action="Choose another one.")
    as_asked = IndexGeneration(model_version_id=live.model_version_id, chunking=preview.chunking)
    vectors = embedder(live.model_version_id, deadline=Deadline.after(CUT_SECONDS))
    return version_cut(preview.version, as_asked, embed=vectors)


def _span(chunk: Chunk) -> list[Any]:
    return [chunk.start, chunk.end, chunk.token_count, " › ".join(chunk.heading_path)[:LONGEST_HEADING]]


def _lost(claim: Claim) -> LeaseLostError:
    return LeaseLostError(f"The lease on the preview {claim.ids[0]} was lost; what it found is dropped.")
