"""How much a server is given at once, and what is done where it was still too much. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ragsite.core.errors import PermanentError

MOST_TEXTS = 32
"""In one request: what TEI takes unless it is told otherwise."""

MOST_CHARACTERS = 400_000
"""In one request: below the two million bytes that TEI reads, whatever the letters."""

SHORTEST = 64
"""Characters of a text that any model reads."""

TOO_LONG = "context_too_long"


def portions(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, a request's worth at a time."""
    portion: list[str] = []
    characters = 0
    for text in texts:
        if portion and (len(portion) == MOST_TEXTS or characters + len(text) > MOST_CHARACTERS):
            yield portion
            portion, characters = [], 0
        portion.append(text)
        characters += len(text)
    if portion:
        yield portion


def fitted(ask: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str]) -> np.ndarray:
    """The rows for the texts. What is too much at once is asked for in halves; a text that alone is too long is cut at its end
    until it is not, as models in a worker cut theirs.

    Raises:
        PermanentError: the server refuses for another reason, or has no room for a few letters.
    """
    try:
        return ask(texts)
    except PermanentError as error:
        if error.error_code != TOO_LONG or (len(texts) == 1 and len(texts[0]) <= SHORTEST):
            raise
    if len(texts) > 1:
        half = len(texts) // 2
        return np.concatenate([fitted(ask, texts[:half]), fitted(ask, texts[half:])])
    kept = max(SHORTEST, len(texts[0]) * 3 // 4)
    return fitted(ask, [texts[0][:kept]])
