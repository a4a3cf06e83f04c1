"""What engines and transports need to know of an embedding model, without its database row."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.models.installed_model import InstalledModel, ModelKind


@dataclass(frozen=True, slots=True)
class EmbeddingModel(InstalledModel):
    """One registered version of an embedding model; `dimensions` is the width of its vectors."""

    kind: ModelKind = field(default=ModelKind.EMBEDDING, init=False)
    dimensions: int
