"""What a chunk repeats from the core before it."""

from __future__ import annotations

from apps.documents.chunking.measuring import WORD
from apps.documents.chunking.ruler import Ruler
from apps.documents.parsing.types import Span
from apps.documents.sentences.punkt import sentence_spans

BESIDE = 80
"""Characters before a place that are enough to tell whether a sentence begins there: that depends on the words beside it."""


def from_sentence(ruler: Ruler, previous: Span, core_start: int) -> int:
    """Where a chunk begins that repeats the end of `previous`: at a sentence, else a line, else a word."""
    earliest = from_word(ruler, previous, core_start)
    if earliest == core_start:
        return core_start
    begin = max(previous[0], earliest - BESIDE)
    starts = (start for start, _ in sentence_spans(ruler.text, begin, core_start) if start >= earliest)
    line_end = ruler.text.find("\n", earliest, core_start)
    line_start = ruler.trimmed(line_end, core_start)[0] if line_end >= 0 else core_start
    return next(starts, line_start if line_start < core_start else earliest)


def from_word(ruler: Ruler, previous: Span, core_start: int) -> int:
    """Where a chunk begins that repeats as many whole words of the end of `previous` as the overlap takes."""
    earliest, tokens = core_start, 0
    for word in reversed(list(WORD.finditer(ruler.text, previous[0], core_start))):
        tokens += ruler.words.word(word[0])
        if tokens > ruler.overlap or word.start() <= previous[0]:
            break
        earliest = word.start()
    return earliest
