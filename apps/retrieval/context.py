"""Which of the found passages a generator gets to read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from apps.retrieval.passages import Passage

CHARACTERS = 12_000
MIN_SCORE = 0.10


def context_build(passages: Sequence[Passage], *, characters: int = CHARACTERS) -> tuple[Passage, ...]:
    """The best passages that fit into `characters`, best first, leaving out what has nothing to do with the question."""
    chosen: list[Passage] = []
    left = characters
    for passage in passages:
        if passage.score >= MIN_SCORE and len(passage.text) <= left:
            chosen.append(passage)
            left -= len(passage.text)
    return tuple(chosen)
