"""How documents are cut; a part of what identifies an index generation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from ragsite.core.errors import PermanentError

SMALLEST_SIZE = 16
LARGEST_SIZE = 8_192
KEY_LENGTH = 16

EDITION = 3
"""Of how documents are cut by the same settings. It changes where another place of a cut would come of it, and is a part of what
identifies chunks: those of an older edition stay as they are until their knowledge base is re-indexed.
"""

FIRST_EDITION = 1
"""Of settings that were kept before editions were counted: their sentences ended as Punkt has them."""


class ChunkingStrategy(StrEnum):
    """Where a document is cut.

    SENTENCE fills the chunks of a section with whole sentences. HEADING keeps all that stands under a heading
    together, as far as it fits. TOKENS makes chunks of equal size without regard to sentences. SEMANTIC cuts where the
    subject changes, for which every sentence is embedded.
    """

    SENTENCE = "sentence"
    HEADING = "heading"
    TOKENS = "tokens"
    SEMANTIC = "semantic"


class ChunkContext(StrEnum):
    """What stands before a chunk where it is embedded: nothing, or the document's name and the headings it stands under."""

    NONE = "none"
    HEADINGS = "headings"


class InvalidChunkingError(PermanentError):
    """Chunking settings that no document can be cut by; seen by those who set up a knowledge base."""

    code = "invalid_chunking"
    action = (
        f"Choose a size from {SMALLEST_SIZE} to {LARGEST_SIZE} tokens and an overlap from 0 to half of the size, "
        f"with one of the strategies {', '.join(map(repr, map(str, ChunkingStrategy)))} and the context "
        f"{' or '.join(map(repr, map(str, ChunkContext)))}."
    )


@dataclass(frozen=True, slots=True)
class ChunkingSettings:
    """`size` is the most tokens of a chunk; `overlap` the most tokens that it repeats from the chunk before it; `context` what is
    embedded with it.

    Raises InvalidChunkingError.
    """

    strategy: ChunkingStrategy = ChunkingStrategy.SENTENCE
    size: int = 220
    overlap: int = 32
    edition: int = EDITION
    context: ChunkContext = ChunkContext.HEADINGS

    def __post_init__(self) -> None:
        if not isinstance(self.strategy, ChunkingStrategy):
            raise InvalidChunkingError(f"The chunking strategy {self.strategy!r} does not exist.")
        if not isinstance(self.context, ChunkContext):
            raise InvalidChunkingError(f"The chunk context {self.context!r} does not exist.")
        if not _is_whole(self.size) or not SMALLEST_SIZE <= self.size <= LARGEST_SIZE:
            raise InvalidChunkingError(f"The chunk size {self.size!r} is invalid.")
        if not _is_whole(self.overlap) or not 0 <= self.overlap <= self.size // 2:
            raise InvalidChunkingError(f"The overlap {self.overlap!r} is invalid with a size of {self.size}.")

    @property
    def key(self) -> str:
        """A short name that is the same for the same settings, everywhere and always: what came later is left out where it is
        as it was before.
        """
        told = self.to_stored()
        if self.edition == FIRST_EDITION:
            del told["edition"]
        if self.context is ChunkContext.NONE:
            del told["context"]
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:KEY_LENGTH]

    def to_dict(self) -> dict[str, Any]:
        """What people choose."""
        return {
            "strategy": self.strategy.value,
            "size": self.size,
            "overlap": self.overlap,
            "context": self.context.value,
        }

    def to_stored(self) -> dict[str, Any]:
        """What is kept with knowledge bases and index generations."""
        return {**self.to_dict(), "edition": self.edition}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChunkingSettings:
        """The settings that were kept, with the defaults for what is left out, but for what there was not when they were kept;
        raises InvalidChunkingError.
        """
        kept = dict(data)
        edition = kept.pop("edition", FIRST_EDITION)
        return cls(edition=edition, context=ChunkContext.NONE).overridden(kept)

    @classmethod
    def chosen(cls, data: Mapping[str, Any]) -> ChunkingSettings:
        """The settings that somebody chose now, with the defaults for what is left out; raises InvalidChunkingError."""
        return cls().overridden(data)

    def renewed(self) -> ChunkingSettings:
        """The same as documents are cut by them today."""
        return replace(self, edition=EDITION)

    def overridden(self, data: Mapping[str, Any]) -> ChunkingSettings:
        """These settings with what `data` has of a document's own; raises InvalidChunkingError."""
        own = dict(data)
        unknown = sorted(set(own) - {"strategy", "size", "overlap", "context"})
        if unknown:
            raise InvalidChunkingError(f"There is no chunking setting called {unknown[0]!r}.")
        if "strategy" in own:
            own["strategy"] = _strategy(own["strategy"])
        if "context" in own:
            own["context"] = _context(own["context"])
        return replace(self, **own)


def chunking_begun(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of settings that somebody chose for a new knowledge base: with what defaults will not say any more later."""
    return {"context": ChunkingSettings().context.value, **chosen, "edition": EDITION}


def _strategy(name: object) -> ChunkingStrategy:
    try:
        return ChunkingStrategy(name)  # type: ignore[arg-type]  # anything else than a name is refused below
    except ValueError as error:
        raise InvalidChunkingError(f"The chunking strategy {name!r} does not exist.") from error


def _context(name: object) -> ChunkContext:
    try:
        return ChunkContext(name)  # type: ignore[arg-type]  # anything else than a name is refused below
    except ValueError as error:
        raise InvalidChunkingError(f"The chunk context {name!r} does not exist.") from error


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
