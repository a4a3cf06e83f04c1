"""What engines and transports need to know of a model, without its database row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.db.models import TextChoices

from apps.models.prompts import NO_PROMPTS, Prompts
from apps.models.servers.endpoint import Endpoint


class ModelKind(TextChoices):
    """What a model does; `apps.models.kinds` has the rest of it."""

    EMBEDDING = "embedding", "Embedding"
    RERANKING = "reranking", "Reranking"
    GENERATION = "generation", "Generation"
    READING = "reading", "Reading"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One registered version of a model.

    `sha256` is the digest of its weights, `max_tokens` the longest input in tokens, special tokens included.
    `fallback` is the version that answers where this one does not. One that servers of its own run has an `endpoint`, and neither
    path nor digest; its `max_tokens` are 0 where nobody says how much it reads.
    """

    version_id: UUID
    name: str
    path: Path
    sha256: str
    max_tokens: int
    kind: ModelKind
    fallback: UUID | None = field(default=None, kw_only=True)
    endpoint: Endpoint | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class EmbeddingModel(InstalledModel):
    """One registered version of an embedding model; `dimensions` is the width of its vectors.

    `prompts` are this version's for good: others would give other vectors.
    """

    kind: ModelKind = field(default=ModelKind.EMBEDDING, init=False)
    dimensions: int
    prompts: Prompts = NO_PROMPTS
