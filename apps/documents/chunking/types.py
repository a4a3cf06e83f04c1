"""What chunking takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from apps.documents.parsing.types import Place


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk is the characters `start` to `end` (exclusive) of the text; `token_count` is without special tokens."""

    start: int
    end: int
    token_count: int
    heading_path: tuple[str, ...] = ()
    place: Place | None = None


class Tokenizer(Protocol):
    """The embedding model's own way of counting; special tokens are never among the tokens here."""

    @property
    def limit(self) -> int:
        """The most tokens that the model takes in a chunk, room for special tokens already taken off."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The characters of `text` that each token covers, as (start, end exclusive), in order."""
