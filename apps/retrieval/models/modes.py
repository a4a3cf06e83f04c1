"""How a search may be asked to evaluate it. Imports no models, so that they can name the modes."""

from __future__ import annotations

from dataclasses import dataclass

from apps.documents.retrieval_settings import Mode

__all__ = ["Mode", "Searching"]


@dataclass(frozen=True, slots=True)
class Searching:
    """How questions are put. `depth` is how many documents a ranking shall hold."""

    mode: Mode = Mode.HYBRID
    rerank: bool = False
    depth: int = 100
