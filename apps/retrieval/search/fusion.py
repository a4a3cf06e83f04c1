"""Bringing several ranked lists of passages into one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.retrieval.passages import Passage


def fuse_by_score(lists: Iterable[Sequence[Passage]], *, limit: int) -> tuple[Passage, ...]:
    """The best passages of lists whose scores are comparable: cosine similarities of different knowledge bases."""
    everything = [passage for passages in lists for passage in passages]
    return tuple(sorted(everything, key=lambda passage: (-passage.score, passage.chunk_id))[:limit])
