"""Sentences by nltk's Punkt model, which knows abbreviations. Needs what only workers have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import llama_index.core
import nltk.data
from nltk.tokenize.punkt import PunktTokenizer

from apps.documents.parsing.types import Span
from apps.documents.sentences import FULL_STOPS

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


def sentence_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """The sentences between `start` and `end` as spans of `text` without the whitespace around them."""
    position = start
    for sentence in sentences(text[start:end]):
        begin = position + len(sentence) - len(sentence.lstrip())
        position += len(sentence)
        if begin < position:
            yield begin, begin + len(sentence.strip())


def _windows(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > WINDOW:
        middle, end = start + WINDOW // 2, start + WINDOW
        gaps = (text.rfind(gap, middle, end) for gap in (PARAGRAPH_END, "\n", " "))
        cut = next((gap for gap in gaps if gap >= 0), end)
        yield text[start:cut]
        start = cut
    yield text[start:]
