"""How documents are cut; a part of what identifies an index generation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ragsite.core.errors import PermanentError

SMALLEST_SIZE = 16
LARGEST_SIZE = 8_192
KEY_LENGTH = 16


class InvalidChunkingError(PermanentError):
    """Chunking settings that no document can be cut by; seen by whoever sets up a knowledge base."""

    code = "invalid_chunking"
    action = (
        f"Choose a size from {SMALLEST_SIZE} to {LARGEST_SIZE} tokens and an overlap from 0 to half of the size, "
        "with the strategy 'sentence'."
    )


class ChunkingStrategy(StrEnum):
    SENTENCE = "sentence"


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """`size` is the most tokens of a chunk; `overlap` the most tokens that it repeats from the chunk before it.

    Raises InvalidChunkingError.
    """

    strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    size: int = 220
    overlap: int = 32

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, ChunkingStrategy):
            raise InvalidChunkingError(f"The chunking strategy {self.strategy!r} does not exist.")
        if not _is_whole(self.size) or not SMALLEST_SIZE <= self.size <= LARGEST_SIZE:
            raise InvalidChunkingError(f"The chunk size {self.size!r} is not possible.")
        if not _is_whole(self.overlap) or not 0 <= self.overlap <= self.size // 2:
            raise InvalidChunkingError(f"The overlap {self.overlap!r} is not possible with a size of {self.size}.")

    @property
    def key(self) -> str:
        """A short name that is the same for the same settings, everywhere and always."""
        canonical = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]

    def to_dict(self) -> dict[str, Any]:
        return {"strategy": self.strategy.value, "size": self.size, "overlap": self.overlap}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChunkingSettings:
        """The settings that `to_dict` wrote, with the defaults for what is left out; raises InvalidChunkingError."""
        unknown = sorted(set(data) - {"strategy", "size", "overlap"})
        if unknown:
            raise InvalidChunkingError(f"There is no chunking setting called {unknown[0]!r}.")
        try:
            strategy = ChunkingStrategy(data.get("strategy", ChunkingStrategy.SENTENCE))
        except ValueError as error:
            raise InvalidChunkingError(f"The chunking strategy {data['strategy']!r} does not exist.") from error
        return cls(strategy=strategy, size=data.get("size", cls().size), overlap=data.get("overlap", cls().overlap))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
