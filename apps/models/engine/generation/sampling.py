"""Chooses the next token. What is drawn hangs on the request's seed and the logits alone, not on who else is in the batch."""

from __future__ import annotations

import random

import torch

from apps.models.generation import GenerationOptions

LIKELIEST = 256
"""So many tokens nearly always hold the share that is asked for; sorting all of a vocabulary costs milliseconds."""


class Sampler:
    """Draws the tokens of one request. Without a seed every request draws others."""

    def __init__(self, options: GenerationOptions) -> None:
        self._options = options
        self._random = random.Random(options.seed)  # noqa: S311 - it draws words, no secrets

    @property
    def is_greedy(self) -> bool:
        """Whether always the likeliest token is taken."""
        return self._options.temperature == 0.0

    def draw(self, logits: torch.Tensor) -> int:
        """A token by its probability, of the logits (vocabulary,)."""
        probabilities = torch.softmax(logits.float() / self._options.temperature, dim=0)
        if self._options.top_p < 1.0:
            probabilities = nucleus(probabilities, self._options.top_p)
        # In the order of the vocabulary: where two tokens are equally likely, rounding must not swap them.
        sums = probabilities.cumsum(0, dtype=torch.float64)
        point = self._random.random() * sums[-1]
        return min(int(torch.searchsorted(sums, point, right=True)), len(sums) - 1)


def nucleus(probabilities: torch.Tensor, share: float) -> torch.Tensor:
    """The probabilities of the fewest likeliest tokens that reach the share together, and 0 for all others.

    From "The Curious Case of Neural Text Degeneration", https://arxiv.org/abs/1904.09751.
    """
    likely, places = probabilities.topk(min(LIKELIEST, len(probabilities)))
    if float(likely.sum()) < share:
        likely, places = probabilities.sort(descending=True)
    kept = likely.cumsum(0) - likely < share
    return torch.zeros_like(probabilities).index_copy(0, places[kept], likely[kept])
