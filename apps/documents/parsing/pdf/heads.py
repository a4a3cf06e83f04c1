"""The head of a table of figures: the lines that name its columns, and the units that its figures are in. Pure.

Names stand above each other: "Year ended" over all columns that it holds for, "2023" over its own one. They are often drawn one
by one, each with its lines, so that no line of the page is a row of names. What tells them is where they stand: right above the
figures, and to the right of the labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from apps.documents.parsing.pdf.figures import Figures, Stand, figures_of, first_figures, is_figure
from apps.documents.parsing.pdf.letters import SIGNS, Piece
from apps.documents.parsing.pdf.names import TIGHT, Names
from apps.documents.parsing.pdf.tables import Block, Cells, HeadCell, Split, Table, said

MOST_LINES = 60
"""Above a table's figures that are looked at for its head, as they were drawn."""

HIGHEST = 15.0
"""A head is no higher above the first figures, in heights of a row."""

FURTHEST_LEVEL = 2.5
"""From one line of a head to the next, in heights of a row."""

FURTHEST_ROW = 3.5
FURTHEST_UNITS = 5.0

LONGEST_LINE = 90
"""Of a head that was drawn as one, in characters; lines of prose are longer."""

FEWEST_NAMES = 2
AHEAD = 5
"""Rows of names and labels at most, and one of figures: another table."""

LONGEST_UNITS = 80
_DIGIT = re.compile(r"\d")
_MARK = re.compile(r"\(\w{1,2}\)")
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_UNIT = (
    r"\b(?:thousands?|millions?|billions?|percent|tausend|millionen|milliarden|prozent|tsd|mio|mrd|milliers|milliards|"
    r"miles|millones|milhares|milhões|migliaia|milioni)\b"
)
_ONLY_UNITS = re.compile(rf"[^.:;]*{_UNIT}[^.:;]*", re.IGNORECASE)
_UNITS = re.compile(rf"\([^()]*{_UNIT}[^()]*\)", re.IGNORECASE)
_UNITS_AT_END = re.compile(rf"{_UNITS.pattern}(?=\s*:?\s*\Z)", re.IGNORECASE)


class Headed(NamedTuple):
    """A table with its head, behind what was drawn in it above that; `taken` are the lines above that are in it now."""

    blocks: tuple[Block, ...]
    taken: frozenset[int] = frozenset()


class _Placed(NamedTuple):
    """A piece that may be a name, and where it stands; it is of the line above with this number, or else of a row."""

    piece: Piece
    stand: Stand
    line: int | None


_Level = list[_Placed]
"""What stands beside each other, from the left."""


class _Lines(NamedTuple):
    """What stands above a table's figures, by height: `rest` is no part of it, `labels` stand below the head."""

    rest: Sequence[_Level]
    head: Sequence[_Level]
    labels: Sequence[_Level]
    names: Names
    units: tuple[Piece, ...]

    @property
    def taken(self) -> frozenset[int]:
        """The lines above that are in the head, or labels below it."""
        levels = (*self.head, *self.labels)
        return frozenset(one.line for level in levels for one in level if one.line is not None)

    @property
    def cuts_a_line(self) -> bool:
        """Whether a line would be in the head in part."""
        return any(one.line in self.taken for level in self.rest for one in level)

    @property
    def stub(self) -> tuple[Piece, ...]:
        """What is written above the labels."""
        return tuple(one.piece for level in self.head for one in level if one.stand is Stand.LABEL)


class _Units(NamedTuple):
    """The units of a table; they are all that the line above with this number says, where there is one."""

    pieces: tuple[Piece, ...] = ()
    line: int | None = None


def headed(rows: Sequence[Cells], above: Sequence[Sequence[Piece]], text: str, words: Split) -> Headed:
    """The table of these rows with its head, which is among its first rows and the lines above it, in the order of drawing."""
    body = first_figures(rows, text)
    if body is None:
        return Headed((Table(tuple(rows)),))
    figures = figures_of(rows[body:], text)
    joined = [] if body else _rows_above(above, figures, text, words)
    if joined:
        figures = replace(figures, top=_top(joined[0]))
        rows, above = [*(_row(level, figures) for level in joined), *figures.kept_of(rows)], above[: -len(joined)]
    taken = frozenset(range(len(above), len(above) + len(joined)))
    lines = _lines_above(rows[:body], above, figures, text, words)
    if not lines.head or lines.cuts_a_line:
        return Headed((Table(tuple(rows)),), taken)
    units = _units(above, lines, figures, text)
    table = Table(
        rows=(*(_row(level, figures) for level in lines.labels), *(rows if joined else figures.kept_of(rows[body:]))),
        head=_head(lines, figures, units.pieces),
    )
    lead = [tuple(one.piece for one in level if one.line is None) for level in lines.rest]
    moved = () if units.line is None else (units.line,)
    return Headed((*filter(None, lead), table), taken.union(lines.taken, moved))


def second_head(rows: Sequence[Cells], text: str) -> int:
    """The number of the row with which another table begins: its title, or else its head; that of all rows where none does."""
    texts = [[said(cell, text) for cell in row.cells] for row in rows]
    have_figures = [any(one and is_figure(one) for one in row[1:]) for row in texts]
    first = have_figures.index(True) + 1 if True in have_figures else len(rows)
    for at in range(first, len(rows)):
        names = sum(map(bool, texts[at][1:]))
        if have_figures[at] or not names or not any(have_figures[at : at + AHEAD]):
            continue
        start = at
        while start > first and not have_figures[start - 1] and (rows[start - 1].is_label or not texts[start - 1][0]):
            start -= 1
        is_below_title = any(row.is_label and _reaches_over(row, rows[first - 1]) for row in rows[start:at])
        if is_below_title or (names >= FEWEST_NAMES and (not texts[at][0] or _are_units(texts[at][0]))):
            return start
    return len(rows)


def _reaches_over(row: Cells, full: Cells) -> bool:
    """Whether a row without gaps stands above labels and figures."""
    return row.cells[0][-1].box.right > min(piece.box.left for cell in full.cells[1:] for piece in cell)


def _rows_above(above: Sequence[Sequence[Piece]], figures: Figures, text: str, words: Split) -> list[_Level]:
    """The last lines above that are rows of figures, though they were drawn as one, from the top."""
    found: list[_Level] = []
    top = figures.top
    for at in range(len(above) - 1, max(-1, len(above) - 1 - MOST_LINES), -1):
        if not _DIGIT.search(text, above[at][0].start, above[at][-1].end):
            break
        level = _placed(above[at], figures, words, line=at)
        is_row = level[0].stand is Stand.LABEL and _has_figures(level, text)
        if not is_row or not -TIGHT < _gap(_drawn(level), top, figures) < FURTHEST_ROW:
            break
        found.append(level)
        top = _top(level)
    return found[::-1]


def _placed(pieces: Sequence[Piece], figures: Figures, words: Split, *, line: int | None) -> list[_Placed]:
    """Where pieces stand; those of one that may be several names are looked for."""
    placed: list[_Placed] = []
    for piece in pieces:
        stand = figures.stand(piece.box)
        is_one = stand is Stand.LABEL or (stand is Stand.NAME and len(figures.touched(piece.box)) == 1)
        is_one = is_one or piece.end - piece.start > LONGEST_LINE
        parts = [piece] if is_one else words(piece)
        placed += [_Placed(part, figures.stand(part.box), line) for part in parts]
    return placed


def _lines_above(
    own: Sequence[Cells], above: Sequence[Sequence[Piece]], figures: Figures, text: str, words: Split
) -> _Lines:
    """What stands above the figures, in rows of the table or in lines above it."""
    pieces = [piece for row in own for cell in row.cells for piece in cell]
    placed = _placed(pieces, figures, words, line=None)
    return _split(_levels([*placed, *_drawn_above(above, figures, text, words)]), figures, text)


def _drawn_above(above: Sequence[Sequence[Piece]], figures: Figures, text: str, words: Split) -> Iterator[_Placed]:
    """The pieces of the last lines above that may be of the head, or labels below it, up to one that reaches over both."""
    for at in range(len(above) - 1, max(-1, len(above) - 1 - MOST_LINES), -1):
        line = _placed(above[at], figures, words, line=at)
        if not all(_is_near(one.piece, figures) for one in line):
            return
        if any(one.stand is Stand.ACROSS for one in line):
            is_label = figures.labels is not None and said([one.piece for one in line], text).endswith(":")
            if at < len(above) - 1 or not is_label:
                return
            line = [one._replace(stand=Stand.LABEL) for one in line]
        yield from line


def _has_figures(level: _Level, text: str) -> bool:
    """Whether nothing but figures stands beside its label."""
    beside = [said([one.piece], text) for one in level if one.stand is not Stand.LABEL]
    figures = [one for one in beside if one not in SIGNS]
    return all(map(is_figure, figures)) and not all(map(_MARK.fullmatch, figures))


def _is_near(piece: Piece, figures: Figures) -> bool:
    reach = HIGHEST * figures.height
    return figures.top - figures.height / 2 < piece.box.bottom < figures.top + reach


def _levels(placed: Sequence[_Placed]) -> list[_Level]:
    """The pieces by the heights at which they stand, from the top."""
    levels: list[_Level] = []
    for one in sorted(placed, key=lambda one: -one.piece.box.middle):
        if levels and levels[-1][0].piece.box.beside(one.piece.box):
            levels[-1].append(one)
        else:
            levels.append([one])
    return [sorted(level, key=lambda one: one.piece.box.left) for level in levels]


def _split(levels: Sequence[_Level], figures: Figures, text: str) -> _Lines:
    end = len(levels)
    while end and not _has_names(levels[end - 1]):
        end -= 1
    lines = _grown(levels, end, figures, text)
    last = _last_of_head(lines.head, figures, text)
    return lines if last == len(lines.head) else _grown(levels, len(lines.rest) + last, figures, text)


def _grown(levels: Sequence[_Level], end: int, figures: Figures, text: str) -> _Lines:
    """The head up to level `end`, as far up as levels follow each other that name columns."""
    start, below, names = end, figures.top if end == len(levels) else _top(levels[end]), Names(figures)
    units: tuple[Piece, ...] = ()
    while (
        start
        and _are_names(levels[start - 1], figures, text)
        and _gap(_drawn(levels[start - 1]), below, figures) < FURTHEST_LEVEL
    ):
        level = [one.piece for one in levels[start - 1] if one.stand is Stand.NAME]
        may_be_units = figures.labels is not None and len(level) == 1 and _is_unit(said(level, text))
        if may_be_units and names.is_for_several(level[0]):
            units = (*level, *units)
        elif not names.put(level):
            break
        start -= 1
        below = _top(levels[start])
    return _Lines(levels[:start], levels[start:end], levels[end:], names, units)


def _has_names(level: _Level) -> bool:
    return any(one.stand is Stand.NAME for one in level)


def _are_names(level: _Level, figures: Figures, text: str) -> bool:
    """Whether columns are named: figures are names where they stand beside each other, as "28," and "29," of dates."""
    names = sum(one.stand is Stand.NAME for one in level)
    if any(one.stand is Stand.ACROSS for one in level):
        return False
    if (names == 1 or names < len(level)) and _has_figures(level, text):
        return False
    return names >= (1 if figures.labels is not None or level[0].line is None else FEWEST_NAMES)


def _top(level: _Level) -> float:
    return max(one.piece.box.top for one in level)


def _gap(pieces: Iterable[Piece], below: float, figures: Figures) -> float:
    """From what stands there down to what is below it, in heights of a row."""
    return (min(piece.box.bottom for piece in pieces) - below) / figures.height


def _drawn(level: _Level) -> list[Piece]:
    return [one.piece for one in level]


def _last_of_head(levels: Sequence[_Level], figures: Figures, text: str) -> int:
    """Behind which level the head ends: a row with a label, where all columns have their names, is one of words."""
    named: set[int] = set()
    for at, level in enumerate(levels):
        label = said([one.piece for one in level if one.stand is Stand.LABEL], text)
        is_apart = len(named) == len(figures.columns) and _gap(_drawn(levels[at - 1]), _top(level), figures) > TIGHT
        if is_apart and label and not _are_units(label):
            return at
        touched = [figures.touched(one.piece.box) for one in level if one.stand is Stand.NAME]
        named.update(columns[0] for columns in touched if len(columns) == 1)
    return len(levels)


def _row(level: _Level, figures: Figures) -> Cells:
    """A row of the table as it stands on the page."""
    cells: list[list[Piece]] = [[] for _ in range(1 + len(figures.columns))]
    for one in level:
        is_beside = one.stand is Stand.NAME or figures.labels is None
        cells[1 + figures.touched(one.piece.box)[0] if is_beside else 0].append(one.piece)
    return Cells(tuple(map(tuple, cells if figures.labels is not None else cells[1:])))


def _head(lines: _Lines, figures: Figures, units: tuple[Piece, ...]) -> tuple[HeadCell, ...]:
    """What stands above the labels, and the units, and for each column its names."""
    cells = lines.names.cells()
    if figures.labels is None:
        return tuple(cells)
    stub = lines.stub + units
    return ((stub,) if stub else (), *cells)


def _units(above: Sequence[Sequence[Piece]], lines: _Lines, figures: Figures, text: str) -> _Units:
    """The units that the head tells, or the line right above it, as all that it says or at its end."""
    if lines.units or lines.stub or figures.labels is None:
        return _Units(lines.units)
    taken = lines.taken
    at = next((at for at in range(len(above) - 1, -1, -1) if at not in taken), None)
    if at is None or not -TIGHT < _gap(above[at], _top(lines.head[0]), figures) < FURTHEST_UNITS:
        return _Units()
    line = tuple(above[at])
    if _are_units(text[line[0].start : line[-1].end].strip()):
        return _Units(line, at)
    told = _UNITS_AT_END.search(text, max(line[-1].start, line[-1].end - LONGEST_UNITS), line[-1].end)
    return _Units((line[-1]._replace(start=told.start(), end=told.end()),) if told else ())


def _is_unit(name: str) -> bool:
    return len(name) <= LONGEST_UNITS and _UNITS.fullmatch(name) is not None


def _are_units(whole: str) -> bool:
    return len(whole) <= LONGEST_UNITS and bool(_IN_PARENTHESES.fullmatch(whole) or _ONLY_UNITS.fullmatch(whole))
