"""The lines of a page in the order in which they are read: columns of prose one after the other, tables row by row. Pure.

What was drawn in the right order stays as it was drawn. Only lines with wide gaps in them are looked at: where the gaps of
several lines stand below each other there are columns, of prose where what stands in them goes on from line to line, and
else of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from apps.documents.parsing.pdf.figures import is_figure
from apps.documents.parsing.pdf.heads import headed, second_head
from apps.documents.parsing.pdf.letters import Interval, Line, Piece
from apps.documents.parsing.pdf.regions import MOST_BETWEEN, Region, Row, around, region_of, rows_of
from apps.documents.parsing.pdf.tables import Block, Cells, Splits, Table, labels_joined, said, shares_joined

MOST_LABELS = 8
"""Rows of a table that have nothing but a label, one after the other."""

CLOSE = 1.6
"""A line of a paragraph to the next, in usual distances of its lines."""

MOST_PROSE_COLUMNS = 4
FEWEST_WORDS = 2.5
FEWEST_GOING_ON = 0.25
MOST_DIGITS = 0.25
FULLEST = 0.6
FEWEST_IN_COLUMN = 0.4
MOST_BREAKS = 2
_WORD = re.compile(r"\S+")


def read_in_order(lines: Sequence[Line], text: str, splits: Splits) -> list[Block]:
    """The page's lines and tables in reading order; every piece of the lines is in one of them."""
    if all(len(line) == 1 for line in lines) and not _go_up(lines):
        return list(lines)
    rows = rows_of(lines, text)
    blocks: list[Block] = []
    above: list[Row] = []
    at = 0
    while at < len(rows):
        found, number = _columns(region_of(rows, at, text, splits), text) if rows[at].has_gaps else ([], 1)
        if found:
            blocks += _with_head(above, found, text, splits)
            above = []
        else:
            above.append(rows[at])
        at += number
    return blocks + _as_drawn(above)


def _with_head(above: Sequence[Row], found: Sequence[Block], text: str, splits: Splits) -> list[Block]:
    """The blocks behind the rows above them, of which a table takes those that are its head."""
    if not isinstance(found[0], Table):
        return [*_as_drawn(above), *found]
    table = headed(found[0].rows, [row.pieces for row in above], text, splits.words)
    left = [row for at, row in enumerate(above) if at not in table.taken]
    joined = [
        replace(block, rows=labels_joined(block.rows, text)) if isinstance(block, Table) else block
        for block in table.blocks
    ]
    return [*_as_drawn(left), *joined]


def _as_drawn(rows: Iterable[Row]) -> list[Block]:
    return [line for row in rows for line in row.lines]


def _go_up(lines: Sequence[Line]) -> bool:
    """Whether a line stands beside the one before it or above it, as in columns."""
    return any(after[0].box.top > before[0].box.bottom + after[0].box.height * 0.5 for before, after in pairwise(lines))


def _columns(region: Region, text: str) -> tuple[Sequence[Block], int]:
    """The blocks of the region's first rows in reading order, and how many rows these are.

    None, and one row, where it has gaps by chance.
    """
    by_chance: tuple[Sequence[Block], int] = [], 1
    gutters = region.gutters
    if not gutters or not _has_columns(region.rows):
        return by_chance
    rows = _close_together(region.rows)
    parts = [part for part in _parted(rows) if _has_columns(part)]
    if parts and all(_is_prose(part, gutters, text) for part in parts):
        return [block for part in _parted(rows) for block in _column_by_column(part, gutters)], len(rows)
    rows = _table_rows(region.rows, text)
    if not _has_columns(rows):
        return by_chance
    gutters = Region.of(rows, region.free).gutters
    cells = [_cells(row, gutters) for row in rows]
    end = second_head(cells, text)
    return [Table(shares_joined(cells[:end], gutters))], end


def _has_columns(rows: Sequence[Row]) -> bool:
    return sum(row.has_gaps and not row.reaches_over for row in rows) > 1


def _close_together(rows: Sequence[Row]) -> list[Row]:
    """The rows up to where the last lines of a column end: a line that is further down is no part of it."""
    steps = [one.box.bottom - other.box.bottom for one, other in pairwise(rows)]
    most = CLOSE * median(steps)
    last = max(at for at, row in enumerate(rows) if row.has_gaps)
    end = next((at + 1 for at in range(last, len(steps)) if steps[at] > most), len(rows))
    return list(rows[:end])


def _table_rows(rows: Sequence[Row], text: str) -> list[Row]:
    """The rows up to the last one with gaps before too many without: labels may be more that follow figures line by line."""
    most_step = CLOSE * median([one.box.bottom - other.box.bottom for one, other in pairwise(rows)])
    end, across, labels, most = 0, 0, 0, MOST_BETWEEN
    for at, row in enumerate(rows):
        if row.has_gaps:
            end, across, labels = at + 1, 0, 0
            most = MOST_LABELS if is_figure(said(row.pieces[-1:], text)) else MOST_BETWEEN
            continue
        across, labels = across + row.reaches_over, labels + 1
        if at and rows[at - 1].box.bottom - row.box.bottom > most_step:
            most = MOST_BETWEEN
        if across > MOST_BETWEEN or labels > most:
            break
    return list(rows[:end])


def _parted(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows, cut where one reaches over all columns."""
    parts: list[list[Row]] = [[]]
    for row in rows:
        if row.reaches_over:
            parts += [[row], []]
        else:
            parts[-1].append(row)
    return [part for part in parts if part]


def _cells(row: Row, gutters: Sequence[Interval]) -> Cells:
    cells: list[list[Piece]] = [[] for _ in range(len(gutters) + 1)]
    for piece in row.pieces:
        cells[_column_of(piece, gutters)].append(piece)
    return Cells(tuple(map(tuple, cells)))


def _column_of(piece: Piece, gutters: Sequence[Interval]) -> int:
    """The first of the columns that the piece reaches into."""
    return sum(gap[0] <= piece.box.left for gap in gutters)


def _column_by_column(rows: Sequence[Row], gutters: Sequence[Interval]) -> Iterator[Block]:
    if not any(row.has_gaps for row in rows):
        for row in rows:
            yield from row.lines
        return
    beside = [_cells(row, gutters).cells for row in rows]
    for column in range(len(gutters) + 1):
        yield from (cells[column] for cells in beside if cells[column])


def _is_prose(rows: Sequence[Row], gutters: Sequence[Interval], text: str) -> bool:
    """Whether what stands in each of the columns goes on from one line to the next."""
    if len(gutters) >= MOST_PROSE_COLUMNS or _breaks_at_once(rows) >= MOST_BREAKS:
        return False
    cells = [_cells(row, gutters).cells for row in rows]
    columns = [[row[at] for row in cells if row[at]] for at in range(len(gutters) + 1)]
    most = max(len(column) for column in columns)
    return all(len(column) >= max(2, FEWEST_IN_COLUMN * most) and _goes_on(column, text) for column in columns)


def _breaks_at_once(rows: Sequence[Row]) -> int:
    """How often several columns have a gap between lines at the same height, as rows of a table have."""
    steps = [one.box.bottom - other.box.bottom for one, other in pairwise(rows)]
    if not steps:
        return 0
    usual = median(steps)
    return sum(
        step > 1.3 * usual and one.has_gaps and other.has_gaps
        for step, (one, other) in zip(steps, pairwise(rows), strict=True)
    )


def _goes_on(column: Sequence[Sequence[Piece]], text: str) -> bool:
    lines = [" ".join(text[piece.start : piece.end].strip() for piece in line) for line in column]
    whole = "".join(lines)
    digits = sum(character.isdigit() for character in whole)
    if digits > MOST_DIGITS * len(whole):
        return False
    if not any(character.islower() for character in whole):
        return _fills(column)
    words = sum(len(_WORD.findall(line)) for line in lines) / len(lines)
    going_on = sum(line[:1].islower() for line in lines[1:]) / (len(lines) - 1)
    return words >= FEWEST_WORDS and going_on >= FEWEST_GOING_ON


def _fills(column: Sequence[Sequence[Piece]]) -> bool:
    """Whether most lines are as long as the longest, as in scripts without small letters."""
    widths = [around(line).right - around(line).left for line in column]
    return median(widths) >= FULLEST * max(widths) and len(widths) > 2
