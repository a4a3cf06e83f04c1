"""What can stand as a statement: sentences, and fragments with the sentence after them. Pure."""

from __future__ import annotations

import re
from itertools import zip_longest

from apps.documents.parsing.types import Span
from apps.documents.sentences.splitting import sentence_spans

# Where no space parts the words, each sign is one; in Korean, whose particles are part of the words, every two.
_WORD = re.compile(r"[\u3040-\u9fff]|[\uac00-\ud7a3]{1,2}|[^\W\u3040-\u9fff\uac00-\ud7a3]+")
FRAGMENT_WORDS = 4


def statement_spans(text: str) -> list[Span]:
    """The sentences of a text, in order, without the white space around them.

    A fragment of a few words, such as a date before an entry, says nothing alone and goes with what follows it.
    """
    spans: list[Span] = []
    open_at: int | None = None
    sentences = sentence_spans(text)
    for (start, end), following in zip_longest(sentences, sentences[1:]):
        begin = start if open_at is None else open_at
        open_at = begin if following and _go_together(text, (start, end), following) else None
        if open_at is None:
            spans.append((begin, end))
    return spans


def says_something(sentence: str) -> bool:
    """Whether a span can stand as a statement: a heading or a stray word can't."""
    return not _is_heading(sentence) and len(_WORD.findall(sentence)) >= FRAGMENT_WORDS


def _go_together(text: str, one: Span, other: Span) -> bool:
    """Whether the first is a fragment. Across a blank line nothing belongs together: what stands alone there is a heading."""
    piece, rest = text[slice(*one)], text[slice(*other)]
    is_fragment = len(_WORD.findall(piece)) <= FRAGMENT_WORDS and text.count("\n", one[1], other[0]) < 2
    return is_fragment and not _is_heading(piece) and not _is_heading(rest)


def _is_heading(text: str) -> bool:
    return text.lstrip().startswith("#")
