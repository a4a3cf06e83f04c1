"""Fills cores with lines or words, one after the other, for as long as there is room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from apps.documents.chunking.ruler import Ruler
from apps.documents.parsing.types import Span

_LINE = re.compile(r"[^\n]+")
_EMPTY_LINES = re.compile(r"\n[ \t]*\n\s*")


def packed(spans: Iterable[Span], ruler: Ruler, *, room: int, first_room: int | None = None) -> Iterator[Span]:
    """Neighbouring spans joined as long as they have `room` tokens, the first ones `first_room` if it is given."""
    held: Span | None = None
    tokens, left = 0, room if first_room is None else first_room
    for start, end in spans:
        more = ruler.measure(start, end)
        if held is not None and tokens + more > left:
            yield held
            held, tokens, left = None, 0, room
        held = (held[0] if held else start, end)
        tokens += more
    if held is not None:
        yield held


def words(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The words between `start` and `end`; one that has no room in pieces."""
    for word in ruler.word_spans(start, end):
        yield from [word] if ruler.measure(*word) <= room else ruler.pieces(*word, room=room)


def lines(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The lines between `start` and `end`; one that has no room as its words."""
    for match in _LINE.finditer(ruler.text, start, end):
        line = ruler.trimmed(*match.span())
        if line[0] < line[1]:
            yield from [line] if ruler.measure(*line) <= room else words(ruler, *line, room=room)


def stanzas(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The groups of lines between empty lines; one that has no room as its lines."""
    gaps = [gap.span() for gap in _EMPTY_LINES.finditer(ruler.text, start, end)]
    for (_, begin), (finish, _) in pairwise([(start, start), *gaps, (end, end)]):
        stanza = ruler.trimmed(begin, finish)
        yield from [stanza] if ruler.measure(*stanza) <= room else lines(ruler, *stanza, room=room)
