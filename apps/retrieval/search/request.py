"""What is looked for, and how: one search as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from apps.documents.retrieval_settings import SHARES, Fusion, Mode, RetrievalSettings
from apps.retrieval.models import IndexGeneration
from apps.retrieval.search.filters import NO_FILTERS, SearchFilters

DEPTH = 100
"""Chunks that each leg of a hybrid search finds, if no more passages are asked for."""


POOL = 50
"""Passages to choose from, where they are reranked or shall differ, if no more are asked for."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A text and how it is searched for; None leaves it to the settings of the knowledge bases.

    `threshold` is the least score of a passage, in the score that the mode ranks by. With `fallback` knowledge bases for whose
    model the question can't be embedded are searched by words alone, or by nothing where the request asks for the mode dense, and
    the result says so.

    The best passages may be reranked, and what says the same may give way: `diversity` is 0 for none, to 1. With a
    passage may come so many `neighbours` before and after it, and the `section` it is part of.
    """

    text: str
    top_k: int = 10
    mode: Mode | None = None
    fusion: Fusion | None = None
    weight: float | None = None
    names: float | None = None
    same_page: float | None = None
    threshold: float | None = None
    fallback: bool = True
    filters: SearchFilters = NO_FILTERS
    rerank: bool = False
    diversity: float = 0.0
    neighbours: int = 0
    section: bool = False

    @property
    def pool(self) -> int:
        """Passages that are looked at to show `top_k` of them in another order."""
        return max(self.top_k, POOL) if self.rerank or self.diversity else self.top_k

    @property
    def depth(self) -> int:
        """Chunks that each leg finds."""
        return max(self.top_k, DEPTH)


def settings_for(request: SearchRequest, generations: Iterable[IndexGeneration]) -> RetrievalSettings:
    """What the request says; else what all knowledge bases of the generations say; else the default.

    Raises:
        InvalidRetrievalError: a share of the request is invalid.
    """
    chosen = [RetrievalSettings.from_dict(generation.knowledge_base.retrieval) for generation in generations]
    shared = chosen[0] if chosen and all(one == chosen[0] for one in chosen) else RetrievalSettings()
    asked: dict[str, Any] = {name: getattr(request, name) for name in ("mode", "fusion", *SHARES)}
    return shared.overridden({name: value for name, value in asked.items() if value is not None})
