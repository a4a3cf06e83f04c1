"""How a search may be asked to evaluate it. Imports nothing, so that the models can name the modes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """Which legs of the search answer."""

    DENSE = "dense"
    LEXICAL = "lexical"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Searching:
    """How questions are put. `depth` is how many documents a ranking shall hold."""

    mode: Mode = Mode.DENSE
    rerank: bool = False
    depth: int = 100
