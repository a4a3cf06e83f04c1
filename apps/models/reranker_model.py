"""What engines and transports need to know of a reranker, without its database row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from apps.models.embedding_model import EmbeddingModel


@dataclass(frozen=True, slots=True)
class RerankerModel:
    """One registered version of a cross-encoder: it reads a query and a text together, and gives one score.

    `sha256` is the digest of its weights, `max_tokens` the longest pair in tokens, special tokens included.
    """

    version_id: UUID
    name: str
    path: Path
    sha256: str
    max_tokens: int

    @property
    def dimensions(self) -> int:
        """The numbers it gives for a pair."""
        return 1


InstalledModel = EmbeddingModel | RerankerModel
