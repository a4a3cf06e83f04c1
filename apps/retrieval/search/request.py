"""What is looked for, and how: one search as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.documents.retrieval_settings import Fusion, Mode, RetrievalSettings
from apps.retrieval.models import IndexGeneration

DEPTH = 100
"""Chunks that each leg of a hybrid search finds, if no more passages are asked for."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A text and how it is searched for; None leaves it to the settings of the knowledge bases.

    `threshold` is the least score of a passage, in the score that the mode ranks by. With `fallback` a search whose
    question can't be embedded for now is answered by words alone, and says so; one that asks for the mode dense is not.
    """

    text: str
    top_k: int = 10
    mode: Mode | None = None
    fusion: Fusion | None = None
    weight: float | None = None
    threshold: float | None = None
    fallback: bool = True

    @property
    def may_fall_back(self) -> bool:
        return self.fallback and self.mode is not Mode.DENSE

    @property
    def depth(self) -> int:
        """Chunks that each leg finds."""
        return max(self.top_k, DEPTH)


def settings_for(request: SearchRequest, generations: Iterable[IndexGeneration]) -> RetrievalSettings:
    """What the request says; else what all knowledge bases of the generations say; else the default.

    Raises:
        InvalidRetrievalError: the request's weight is not possible.
    """
    chosen = [RetrievalSettings.from_dict(generation.knowledge_base.retrieval) for generation in generations]
    shared = chosen[0] if chosen and all(one == chosen[0] for one in chosen) else RetrievalSettings()
    asked: dict[str, Any] = {"mode": request.mode, "fusion": request.fusion, "weight": request.weight}
    return shared.overridden({name: value for name, value in asked.items() if value is not None})
