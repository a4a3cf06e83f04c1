"""How long a piece of text is, word by word, without giving the same word to the tokenizer twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from apps.documents.chunking.types import Tokenizer
from apps.documents.sentences import FULL_STOPS

# Scripts without spaces between words are cut at their punctuation.
COMMAS = "\uff1b\uff0c\u3001"  # full-width semicolon and comma, ideographic comma
STOPS = FULL_STOPS + COMMAS
WORD = re.compile(rf"[^\s{STOPS}]+[{STOPS}]*|[{STOPS}]+")
# A word counts as at least one token for so many characters. Tokenizers make one "unknown" token of any very long
# word, and a chunk of a million characters that counts as one token is of no use.
CHARACTERS_PER_TOKEN = 16
CACHED_WORDS = 65_536


class WordMeasure:
    """Counts tokens as the sum over words.

    The sum is the true count for tokenizers that begin anew at every space; for others it is close, and whoever
    needs the true count of a chunk asks the tokenizer once at the end.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.word: Callable[[str], int] = _Counts(tokenizer).__getitem__

    def text(self, text: str) -> int:
        return sum(map(self.word, WORD.findall(text)))


class _Counts(dict[str, int]):
    """The tokens of each word met so far: a look-up is one step of the interpreter, and most words are met again."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __missing__(self, word: str) -> int:
        if len(self) >= CACHED_WORDS:
            self.clear()
        count = self[word] = max(self._tokenizer.count(word), -(-len(word) // CHARACTERS_PER_TOKEN))
        return count


@lru_cache(maxsize=4)
def word_measure(tokenizer: Tokenizer) -> WordMeasure:
    """The tokenizer's measure, one for all documents: they share most of their words."""
    return WordMeasure(tokenizer)
