"""A passage's text made ready to be read: what is quoted of it, the question's words, and tables as tables. Pure.

It is cut into pieces of plain text, and whoever shows them escapes them: nothing here is markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from apps.monitoring.workspace.ask.asked_words import Span, asked_words
from apps.retrieval.answers.tables import is_row

_LINE = re.compile(r"[^\n]+")
_RULE = re.compile(r"[\s|:\-]+")


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters of a passage's text that an answer quotes, and the number that it cites them by, which may lead here."""

    number: int
    start: int
    end: int
    is_target: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, by what numbers it is cited, and whether it is a word of the question; `first_of` begin here."""

    text: str
    cited: tuple[int, ...] = ()
    first_of: tuple[int, ...] = ()
    is_word: bool = False


Cell = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Prose, or a table: its head, which may be empty, and its rows."""

    pieces: tuple[Piece, ...] = ()
    head: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


def blocks_of(text: str, *, question: str, quotes: Sequence[Quote] = (), is_beginning: bool = True) -> list[Block]:
    """The passage, block by block. One that is not the beginning of its text may begin within a table, below its head."""
    cut = _Cut(text, quotes, asked_words(text, question))
    lines = [(line.start(), line.end()) for line in _LINE.finditer(text)]
    blocks = []
    for in_table, group in groupby(lines, key=lambda line: is_row(text[slice(*line)])):
        spans = list(group)
        if in_table:
            blocks.append(_table(cut, spans, has_head=is_beginning or spans[0][0] > 0))
        else:
            blocks.append(Block(cut.pieces(spans[0][0], spans[-1][1])))
    return blocks


class _Cut:
    """Cuts spans of a text where something begins or ends that is shown otherwise."""

    def __init__(self, text: str, quotes: Sequence[Quote], words: Sequence[Span]) -> None:
        self.text, self._quotes, self._words = text, quotes, words
        self._begun: set[int] = set()

    def pieces(self, start: int, end: int) -> tuple[Piece, ...]:
        quotes = [one for one in self._quotes if one.start < end and one.end > start]
        words = [one for one in self._words if one[0] < end and one[1] > start]
        edges = {start, end} | {edge for one in quotes for edge in (one.start, one.end)}
        edges |= {edge for one in words for edge in one}
        places = sorted(edge for edge in edges if start <= edge <= end)
        return tuple(self._piece(a, b, quotes, words) for a, b in pairwise(places))

    def _piece(self, start: int, end: int, quotes: Sequence[Quote], words: Sequence[Span]) -> Piece:
        cited = tuple(dict.fromkeys(one.number for one in quotes if one.start <= start and end <= one.end))
        targets = {one.number for one in quotes if one.is_target} - self._begun
        first_of = tuple(number for number in cited if number in targets)
        self._begun.update(first_of)
        return Piece(self.text[start:end], cited, first_of, any(a <= start and end <= b for a, b in words))


def _table(cut: _Cut, lines: Sequence[Span], *, has_head: bool) -> Block:
    ruled = [_RULE.fullmatch(cut.text[slice(*line)]) is not None for line in lines]
    has_head = has_head or ruled[1:2] == [True]
    rows = [tuple(_cells(cut, line)) for line, is_rule in zip(lines, ruled, strict=True) if not is_rule]
    if has_head and len(rows) > 1:
        return Block(head=rows[0], rows=tuple(rows[1:]))
    return Block(rows=tuple(rows))


def _cells(cut: _Cut, line: Span) -> Iterator[Cell]:
    """Of what is between the bars, without the blanks around it."""
    bars = [line[0] + at for at, sign in enumerate(cut.text[slice(*line)]) if sign == "|"]
    ends = [*bars, line[1]] if cut.text[bars[-1] : line[1]].strip("| ") else bars
    for bar, end in pairwise(ends):
        inside = cut.text[bar + 1 : end]
        start = bar + 1 + len(inside) - len(inside.lstrip())
        yield cut.pieces(start, max(start, bar + 1 + len(inside.rstrip())))
