"""What engines and transports need to know of an embedding model, without its database row."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """One registered version of an embedding model.

    `sha256` is the digest of its weights, `dimensions` the width of its vectors, `max_tokens` the longest input
    in tokens, special tokens included.
    """

    version_id: UUID
    name: str
    path: Path
    sha256: str
    dimensions: int
    max_tokens: int


class Priority(enum.IntEnum):
    """Who goes first: a person who waits before work that nobody watches."""

    INTERACTIVE = 0
    BULK = 1
