"""How long a piece of text is, and how much of it makes a chunk, without giving the same word to the tokenizer twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate

from apps.documents.chunking.graphemes import grapheme_before
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.chunking.types import Tokenizer
from apps.documents.parsing.types import Span
from apps.documents.sentences.splitting import FULL_STOPS, OTHER_STOPS

# Text without spaces is mostly dense in tokens: a first look only so far ahead saves counting the rest each time.
FEW_CHARACTERS_PER_TOKEN = 4


# Scripts without spaces between words are cut at their punctuation.
COMMAS = "\uff1b\uff0c\u3001\u104a"  # full-width semicolon and comma, ideographic comma, Burmese comma
STOPS = FULL_STOPS + OTHER_STOPS + COMMAS
WORD = re.compile(rf"[^\s{STOPS}]+[{STOPS}]*|[{STOPS}]+")
# A word counts as at least one token for so many characters. Tokenizers make one "unknown" token of any very long
# word, and a chunk of a million characters that counts as one token is of no use.
CHARACTERS_PER_TOKEN = 16
CACHED_WORDS = 65_536


class WordMeasure:
    """Counts tokens as the sum over words.

    The sum is the true count for tokenizers that start over at every space; for others it is close, and callers that
    need the true count of a chunk ask the tokenizer once at the end.
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
        at_least = -(-len(word) // CHARACTERS_PER_TOKEN)
        if at_least > self._tokenizer.limit:
            # It fits nowhere, whatever its count. The tokenizer would keep the interpreter for seconds a megabyte.
            return at_least
        if len(self) >= CACHED_WORDS:
            self.clear()
        count = self[word] = max(self._tokenizer.count(word), at_least)
        return count


@lru_cache(maxsize=4)
def word_measure(tokenizer: Tokenizer) -> WordMeasure:
    """The tokenizer's measure, one for all documents: they share most of their words."""
    return WordMeasure(tokenizer)


class Ruler:
    """One text, and how much of it makes a chunk; all sizes in tokens.

    `size` is the most a chunk may have, `core_size` the most it may have beside the `overlap` that it repeats.
    """

    def __init__(self, text: str, *, settings: ChunkingSettings, tokenizer: Tokenizer, beside: int = 0) -> None:
        self.text = text
        self.size = min(settings.size, tokenizer.limit - beside)
        self.overlap = min(settings.overlap, self.size // 2)
        self.core_size = self.size - self.overlap
        self.words = word_measure(tokenizer)
        self._tokenizer = tokenizer
        self._counted: dict[Span, int] = {}

    def measure(self, start: int, end: int) -> int:
        """The tokens of a stretch as the sum over its words: quick, and for most tokenizers true."""
        return self.words.text(self.text[start:end])

    def count(self, start: int, end: int) -> int:
        """The tokens of a stretch as the tokenizer counts them; each stretch is counted once."""
        if (start, end) not in self._counted:
            self._counted[start, end] = self._tokenizer.count(self.text[start:end])
        return self._counted[start, end]

    def count_text(self, text: str) -> int:
        return self._tokenizer.count(text)

    def fits(self, start: int, end: int) -> bool:
        """Whether a stretch can be one chunk."""
        return self.at_most(self.size, start, end) and self.count(start, end) <= self.size

    def at_most(self, tokens: int, start: int, end: int) -> bool:
        """Whether a stretch measures no more than `tokens`; it is read no further than it takes to know."""
        measured = accumulate(self.words.word(word[0]) for word in WORD.finditer(self.text, start, end))
        return all(total <= tokens for total in measured)

    def trimmed(self, start: int, end: int) -> Span:
        """The span without whitespace at its ends; (end, end) where nothing else is in it."""
        while start < end and self.text[start].isspace():
            start += 1
        while start < end and self.text[end - 1].isspace():
            end -= 1
        return start, end

    def word_spans(self, start: int, end: int) -> Iterator[Span]:
        return (word.span() for word in WORD.finditer(self.text, start, end))

    def words_over(self, tokens: int, start: int, end: int) -> Iterator[Span]:
        """The words between `start` and `end` that alone measure more than `tokens`."""
        found = WORD.finditer(self.text, start, end)
        return (word.span() for word in found if self.words.word(word[0]) > tokens)

    def pieces(self, start: int, end: int, *, room: int) -> Iterator[Span]:
        """Spans of `room` tokens, cut between tokens without regard to words."""
        start, end = self.trimmed(start, end)
        while start < end:
            piece = self.trimmed(start, self._fitting_end(start, end, room=room))
            yield piece
            start, _ = self.trimmed(piece[1], end)

    def _fitting_end(self, start: int, end: int, *, room: int) -> int:
        """How far a piece from `start` can go, up to the end of a grapheme where one ends; at least one character."""
        for characters_per_token in (FEW_CHARACTERS_PER_TOKEN, CHARACTERS_PER_TOKEN):
            window = self.text[start : min(end, start + room * characters_per_token)]
            offsets = self._tokenizer.offsets(window)
            if len(offsets) > room:
                break
        kept = min(len(offsets), room)
        length = len(window) if kept == len(offsets) else max(offsets[kept - 1][1], 1)
        # A word that is cut may have more tokens than the same characters had inside the whole word.
        while kept > 1 and (excess := self._tokenizer.count(window[:length]) - self.size) > 0:
            kept = max(kept - excess, 1)
            length = max(offsets[kept - 1][1], 1)
        return start + length if start + length == end else grapheme_before(self.text, start, start + length)
