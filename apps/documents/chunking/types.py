"""What chunking takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from apps.documents.parsing.types import Place, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Texts in, one vector a text out, in their order: float32 of shape (n, d).
Embed = Callable[[Sequence[str]], "NDArray[np.float32]"]


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """A chunk is the characters `start` to `end` (exclusive) of the text; `token_count` is without special tokens.

    `table_header` is the first row of the table that the chunk goes on with in its middle, and "" elsewhere. It is no
    part of the span; put before the chunk as a line of its own it keeps within the size.
    """

    start: int
    end: int
    token_count: int
    heading_path: tuple[str, ...] = ()
    place: Place | None = None
    table_header: str = ""


@dataclass(frozen=True, slots=True)
class Core:
    """What a chunk has of its own: cores don't overlap, and a chunk is a core led in by the end of the one before.

    The next chunk may repeat nothing from before `repeat_from`. `header` is the first row of the table that was too
    large and of which this is a piece.
    """

    start: int
    end: int
    repeat_from: int
    is_whole_block: bool = False
    header: Span | None = None


class Tokenizer(Protocol):
    """The embedding model's own way of counting; special tokens are never among the tokens here."""

    @property
    def limit(self) -> int:
        """The most tokens that the model takes in a chunk, room for special tokens already taken off."""

    def count(self, text: str) -> int:
        """How many tokens `text` has."""

    def __hash__(self) -> int: ...

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The characters of `text` that each token covers, as (start, end exclusive), in order."""
