"""How one document would be cut, before a whole knowledge base is."""

from __future__ import annotations

from dataclasses import dataclass

from apps.documents.chunking.settings import ChunkingStrategy
from apps.documents.models import Chunk, DocumentVersion
from apps.retrieval.index.indexing import version_cut
from apps.retrieval.models import IndexGeneration
from apps.retrieval.reindexing.services import ReindexRequest
from ragsite.core.errors import PermanentError

LARGEST_CHARACTERS = 200_000
"""Of a text that is cut while somebody waits."""

SHOWN = 12


@dataclass(frozen=True, slots=True)
class CutPreview:
    """The first chunks, how many there are in all, and the most and the mean tokens of one."""

    version: DocumentVersion
    first: tuple[Chunk, ...]
    total: int
    most_tokens: int
    mean_tokens: float


def cut_preview(version: DocumentVersion, request: ReindexRequest) -> CutPreview:
    """How a re-index would cut a parsed version; a document that has settings of its own is cut by them. Nothing is saved.

    Raises:
        PermanentError: it is too long to be cut while somebody waits, or a model would be needed, or it can't be cut so.
    """
    if request.chunking.strategy is ChunkingStrategy.SEMANTIC:
        raise PermanentError(
            "Chunks that end where the meaning turns need the model, so they are not shown ahead.",
            action="Choose another way of cutting to see it, or start the re-index: it can be compared and rolled back.",
        )
    if len(version.parsed.text) > LARGEST_CHARACTERS:
        raise PermanentError(
            f"{version.document} has more than {LARGEST_CHARACTERS:,} characters, too many to be cut while you wait.",
            action="Choose a shorter document.",
        )
    generation = IndexGeneration(
        model_version_id=request.model.version_id,
        chunking=request.chunking.to_dict(),
        chunking_key=request.chunking.key,
    )
    chunks = version_cut(version, generation)
    tokens = [one.token_count for one in chunks]
    return CutPreview(version, tuple(chunks[:SHOWN]), len(chunks), max(tokens), sum(tokens) / len(tokens))
