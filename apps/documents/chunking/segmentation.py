"""Where sentences begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import llama_index.core
import nltk.data
from nltk.tokenize.punkt import PunktTokenizer

from apps.documents.chunking.measuring import FULL_STOPS
from apps.documents.chunking.ruler import Ruler
from apps.documents.chunking.types import Span

PARAGRAPH_END = "\n\n"
# The most characters that are searched for sentences at a time: nltk gives each search five seconds and then fails.
WINDOW = 10_000
# llama-index bundles nltk's data, so nothing is downloaded; left to itself it uses an untrained model, which ends a
# sentence after "Dr.".
nltk.data.path.append(str(Path(llama_index.core.__file__).parent / "_static" / "nltk_cache"))
_PUNKT = PunktTokenizer("english")
_FULL_STOP = re.compile(rf".+?(?:[{FULL_STOPS}]+\s*|\Z)", re.DOTALL)


def sentences(text: str) -> Iterator[str]:
    """The sentences of `text`, in order, each with the whitespace after it: together they are `text`."""
    for window in _windows(text):
        later_starts = [start for start, _ in _PUNKT.span_tokenize(window)][1:]
        for start, end in pairwise([0, *later_starts, len(window)]):
            yield from _FULL_STOP.findall(window[start:end])


def sentence_spans(ruler: Ruler, start: int, end: int) -> Iterator[Span]:
    """The sentences between `start` and `end` as spans without the whitespace around them."""
    position = start
    for sentence in sentences(ruler.text[start:end]):
        span = ruler.trimmed(position, position + len(sentence))
        if span[0] < span[1]:
            yield span
        position += len(sentence)


def _windows(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > WINDOW:
        middle, end = start + WINDOW // 2, start + WINDOW
        gaps = (text.rfind(gap, middle, end) for gap in (PARAGRAPH_END, "\n", " "))
        cut = next((gap for gap in gaps if gap >= 0), end)
        yield text[start:cut]
        start = cut
    yield text[start:]
