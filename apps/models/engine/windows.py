"""A question with a passage in tokens, in several windows where the passage is long, and the best span among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Encoding

from apps.models.engine.tokenizer import PairIds, tokenizer_plain
from apps.models.errors import UnsupportedModelError
from apps.models.inputs import TextPair
from apps.models.reading import Reading

OVERLAP_TOKENS = 128
"""Tokens that neighbouring windows share at most: no answer is cut by both (the stride of Devlin et al. 2019)."""

QUESTION_TOKENS = 64
"""Of a question that many are read at most, and never more than half of a window."""

SPAN_TOKENS = 30
"""An answer has no more of them."""

LEAST_ROOM = 8


@dataclass(frozen=True, slots=True)
class Window:
    """The question's tokens with a part of the passage's, whose first is at `first`; `offsets` are their characters."""

    pair: PairIds
    first: int
    offsets: list[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.pair)


@dataclass(frozen=True, slots=True)
class ReadPassage:
    """A passage in the windows that cover it, of which there is at least one."""

    windows: list[Window]

    def __len__(self) -> int:
        return sum(len(window) for window in self.windows)


class WindowEncoder:
    """Turns questions with passages into windows of at most `max_tokens`, special tokens included. Threads may share it."""

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        """
        Raises:
            UnsupportedModelError: nothing stands before the question that could say "no answer", or there is too little room.
        """
        self._tokenizer, self._whole = tokenizer_plain(path), tokenizer_plain(path)
        room = max_tokens - int(self._tokenizer.num_special_tokens_to_add(is_pair=True))
        if room < LEAST_ROOM or not self._tokenizer.encode("a", "a").special_tokens_mask[0]:
            raise UnsupportedModelError(
                f"{str(path)!r} reads {max_tokens} tokens, and its tokenizer must put one of its own before the question.",
                action="Use a model that was trained on SQuAD 2.0, with the tokenizer it was trained with.",
            )
        self._question_tokens = min(QUESTION_TOKENS, room // 2)
        self._tokenizer.enable_truncation(
            max_length=max_tokens, stride=min(OVERLAP_TOKENS, room // 4), strategy="only_second"
        )

    def encode(self, pairs: Sequence[TextPair]) -> list[ReadPassage]:
        """The windows of each question with its passage, in the order given."""
        shortened = {question: self._shortened(question) for question in {question for question, _ in pairs}}
        given = [(shortened[question], passage) for question, passage in pairs]
        # Not the fast way, which leaves out where the tokens lie.
        encodings = self._tokenizer.encode_batch(given)
        return [ReadPassage([_window(one) for one in (first, *first.overflowing)]) for first in encodings]

    def _shortened(self, question: str) -> str:
        """As much of the question as is read."""
        offsets = self._whole.encode(question, add_special_tokens=False).offsets
        if len(offsets) <= self._question_tokens:
            return question
        return question[: offsets[self._question_tokens - 1][1]]


def _window(encoding: Encoding) -> Window:
    """The passage is the second text; its tokens follow each other."""
    places = [place for place, text in enumerate(encoding.sequence_ids) if text == 1]
    first = places[0] if places else len(encoding.ids)
    offsets = [encoding.offsets[place] for place in places]
    return Window(PairIds(encoding.ids, encoding.type_ids), first, offsets)


def reading_best(windows: Sequence[Window], logits: Sequence[np.ndarray]) -> Reading:
    """The best span of all windows, and the least that any of them says for no answer: the one that has the answer counts.

    `logits` are of each window's tokens, (tokens, 2): for being a span's first, and its last. Of equal spans the earlier and
    shorter one is the best.
    """
    no_answer = min(float(window_logits[0].sum()) for window_logits in logits)
    found = [
        (window.offsets, *span)
        for window, window_logits in zip(windows, logits, strict=True)
        if (span := _best_span(window_logits[window.first : window.first + len(window.offsets)])) is not None
    ]
    if not found:
        return Reading(0, 0, no_answer, no_answer)
    offsets, first, last, score = max(found, key=lambda one: one[3])
    return Reading(offsets[first][0], offsets[last][1], score, no_answer)


def _best_span(logits: np.ndarray) -> tuple[int, int, float] | None:
    """The first and last token of the best span among a passage's tokens, and its score; None where there are none."""
    best: tuple[int, int, float] | None = None
    for further in range(min(SPAN_TOKENS, len(logits))):
        scores = logits[: len(logits) - further, 0] + logits[further:, 1]
        first = int(scores.argmax())
        if best is None or scores[first] > best[2]:
            best = first, first + further, float(scores[first])
    return best
