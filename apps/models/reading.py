"""What a model that reads says of a passage: the span that answers, and how much speaks for there being none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

READING_WIDTH = 4
"""The numbers of a reading, as they travel: start, end, score, no-answer score. Float32 has every place below 16,777,216."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one passage: its best span, characters `start` to `end`, and that span's score beside the one of "no answer".

    The scores are sums of two logits: what the network says for the span's first and last token, and for the token before all
    text in the place of both. A passage without words has an empty span.
    """

    start: int
    end: int
    score: float
    no_answer_score: float

    @property
    def margin(self) -> float:
        """How much more speaks for the span than for no answer (Devlin et al. 2019, section 4.3)."""
        return self.score - self.no_answer_score

    def answers(self, threshold: float) -> bool:
        """Whether the span answers the question."""
        return self.start < self.end and self.margin > threshold


def readings_of(rows: np.ndarray, passages: Sequence[str]) -> tuple[Reading, ...]:
    """The readings of as many passages by the rows of a reply, (n, READING_WIDTH); spans without the blanks at their ends.

    Raises:
        ValueError: a span is not within its passage.
    """
    return tuple(_reading(row, passage) for row, passage in zip(rows.tolist(), passages, strict=True))


def _reading(row: Sequence[float], passage: str) -> Reading:
    start, end = int(row[0]), int(row[1])
    if not 0 <= start <= end <= len(passage):
        raise ValueError(f"the span {start} to {end} of {len(passage)} characters")
    # Some tokenizers count the blank before a word to its token.
    span = passage[start:end]
    start += len(span) - len(span.lstrip())
    return Reading(start, start + len(span.strip()), row[2], row[3])
