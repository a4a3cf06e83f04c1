"""Which of the found passages a generator gets to read. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from apps.retrieval.search.passages import Passage

CHARACTERS = 12_000
MIN_SIMILARITY = 0.10


def context_build(passages: Sequence[Passage], *, characters: int = CHARACTERS) -> tuple[Passage, ...]:
    """The best passages that fit into `characters`, best first, leaving out what has nothing to do with the question."""
    chosen: list[Passage] = []
    left = characters
    for passage in passages:
        if _may_answer(passage) and len(passage.text) <= left:
            chosen.append(passage)
            left -= len(passage.text)
    return tuple(chosen)


def _may_answer(passage: Passage) -> bool:
    """Whether it is near to the question, or has words of it: a part number has no meaning to be near to."""
    scores = passage.scores
    return scores.dense is None or scores.dense >= MIN_SIMILARITY or scores.lexical_rank is not None
