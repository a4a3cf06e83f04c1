"""The lines of a page in the order in which they are read: columns of prose one after the other, tables row by row. Pure.

What was drawn in the right order stays as it was drawn. Only lines with wide gaps in them are looked at: where the gaps of
several lines stand below each other there are columns, of prose where what stands in them goes on from line to line, and
else of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from apps.documents.parsing.pdf.heads import headed, second_head
from apps.documents.parsing.pdf.letters import Box, Interval, Line, Piece
from apps.documents.parsing.pdf.tables import Block, Cells, Splits, Table, labels_joined, shares_joined

NARROWEST_GUTTER = 3.0
MOST_ROWS = 400
"""That are one table; a longer one goes on as another."""

MOST_BESIDE = 100
MOST_BETWEEN = 3
"""Rows of a table, or headings in it, that reach over its gutters, one after the other."""

MOST_LABELS = 8
"""Rows of a table that have nothing but a label, one after the other."""

HEADER_ROWS = 4
FURTHEST = 3.5
"""From one row to the next, in heights of a row; what is further down is something else."""

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
_MARKER = re.compile(r"[•·▪■□◦●○‣⁃*–—-]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]|\d+(?:\.\d+)+\.?|☐|☑|☒|[$€£¥]|US\$")
_AFTER = re.compile(r"[)%\]]+")
_FIGURES = re.compile(r"\W*\d[\d\W]*\s[\d\W]*\d\W*")
_MAY_HIDE_GAPS = re.compile(r"\S\s+(?:[$€£(]*[\d—–*-]|[$€£¥]\s*\Z)")


@dataclass(slots=True)
class _Row:
    """What stands beside each other, from the left; `lines` are those it was drawn in."""

    pieces: list[Piece]
    box: Box
    lines: list[Line]
    reaches_over: bool = field(default=False)

    @property
    def has_gaps(self) -> bool:
        return len(self.pieces) > 1


@dataclass(slots=True)
class _Region:
    """Rows that follow each other, and the gaps that all of them leave but those that reach over."""

    rows: list[_Row]
    free: list[Interval]

    left: float
    right: float

    @property
    def gutters(self) -> list[Interval]:
        """Those of the gaps that have something on both sides."""
        return [gap for gap in self.free if self.left < gap[0] and gap[1] < self.right]

    @classmethod
    def of(cls, rows: Sequence[_Row], free: list[Interval]) -> _Region:
        return cls(list(rows), free, min(row.box.left for row in rows), max(row.box.right for row in rows))

    def with_row(self, row: _Row, waiting: Sequence[_Row]) -> bool:
        """Add the row, and those that wait as rows that reach over, unless a gutter would be lost; whether it was added."""
        free = _without(self.free, row)
        left, right = min(self.left, row.box.left), max(self.right, row.box.right)
        kept = sum(left < gap[0] and gap[1] < right for gap in free)
        if kept < len(self.gutters):
            return False
        for one in waiting:
            self.put(one)
        self.rows.append(row)
        self.free, self.left, self.right = free, left, right
        return True

    def put(self, row: _Row) -> None:
        """Add a row that reaches over the gutters."""
        row.reaches_over = True
        self.rows.append(row)


def read_in_order(lines: Sequence[Line], text: str, splits: Splits) -> list[Block]:
    """The page's lines and tables in reading order; every piece of the lines is in one of them."""
    if all(len(line) == 1 for line in lines) and not _go_up(lines):
        return list(lines)
    rows = _rows(lines, text)
    blocks: list[Block] = []
    above: list[_Row] = []
    at = 0
    while at < len(rows):
        found, number = _columns(_region(rows, at, text, splits), text) if rows[at].has_gaps else ([], 1)
        if found:
            blocks += _with_head(above, found, text, splits)
            above = []
        else:
            above.append(rows[at])
        at += number
    return blocks + _as_drawn(above)


def _with_head(above: Sequence[_Row], found: Sequence[Block], text: str, splits: Splits) -> list[Block]:
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


def _as_drawn(rows: Iterable[_Row]) -> list[Block]:
    return [line for row in rows for line in row.lines]


def _go_up(lines: Sequence[Line]) -> bool:
    """Whether a line stands beside the one before it or above it, as in columns."""
    return any(after[0].box.top > before[0].box.bottom + after[0].box.height * 0.5 for before, after in pairwise(lines))


def _rows(lines: Sequence[Line], text: str) -> list[_Row]:
    rows: list[_Row] = []
    for line in lines:
        pieces = _markers_joined(line, text)
        if rows and _stands_beside(rows[-1], pieces):
            last = rows[-1]
            last.pieces = sorted([*last.pieces, *pieces], key=lambda piece: piece.box.left)
            last.box = _around(last.pieces)
            last.lines.append(line)
        else:
            ordered = sorted(pieces, key=lambda piece: piece.box.left)
            rows.append(_Row(ordered, _around(ordered), [line]))
    return rows


def _stands_beside(row: _Row, pieces: Sequence[Piece]) -> bool:
    return len(row.pieces) < MOST_BESIDE and all(
        one.box.beside(row.pieces[0].box) and all(_apart(one.box, other.box) for other in row.pieces) for one in pieces
    )


def _apart(one: Box, other: Box) -> bool:
    return one.right < other.left or other.right < one.left


def _around(pieces: Iterable[Piece]) -> Box:
    boxes = [piece.box for piece in pieces]
    whole = boxes[0]
    for box in boxes[1:]:
        whole = whole.around(box)
    return whole


def _markers_joined(line: Sequence[Piece], text: str) -> list[Piece]:
    """The line's pieces; a bullet, a number of a list or a currency's sign is one with what it stands before."""
    pieces: list[Piece] = []
    for piece in line:
        before = text[pieces[-1].start : pieces[-1].end].strip() if pieces else ""
        said = text[piece.start : piece.end].strip()
        is_marked = len(pieces) == 1 or before[-1:] in "$€£¥"
        if (
            pieces
            and ((is_marked and _MARKER.fullmatch(before)) or _AFTER.fullmatch(said))
            and _follows(pieces[-1], piece)
        ):
            pieces[-1] = _together(pieces[-1], piece)
        else:
            pieces.append(piece)
    return pieces


def _follows(one: Piece, other: Piece) -> bool:
    return other.start >= one.end and one.box.left <= other.box.left


def _together(one: Piece, other: Piece) -> Piece:
    return Piece(one.start, other.end, one.box.around(other.box), (*one.runs, *other.runs))


def _region(rows: Sequence[_Row], start: int, text: str, splits: Splits) -> _Region:
    """The rows from `start` on that have gaps in common with the one of the first rows that has most of them."""
    first = [_finer(row, text, splits) for row in _following(rows, start, HEADER_ROWS)]
    seed = max(range(len(first)), key=lambda at: len(first[at].pieces))
    region = _Region.of([first[seed]], _without([(float("-inf"), float("inf"))], first[seed]))
    waiting: list[_Row] = []
    for at in range(start + seed + 1, min(len(rows), start + MOST_ROWS)):
        if not _is_below((waiting or region.rows)[-1].box, rows[at].box):
            break
        row = _finer(rows[at], text, splits)
        if region.with_row(row, waiting) or (_parted_closely(row, text, splits) and region.with_row(row, waiting)):
            waiting = []
        elif len(waiting) == MOST_BETWEEN:
            break
        else:
            waiting.append(row)
    for row in reversed(first[:seed]):
        if not region.with_row(row, []):
            region.put(row)
    region.rows.sort(key=lambda row: -row.box.top)
    return region


def _following(rows: Sequence[_Row], start: int, most: int) -> list[_Row]:
    found = [rows[start]]
    for row in rows[start + 1 : start + most]:
        if not _is_below(found[-1].box, row.box):
            break
        found.append(row)
    return found


def _is_below(above: Box, box: Box) -> bool:
    height = max(above.height, box.height)
    return -height < above.bottom - box.top < FURTHEST * height


def _finer(row: _Row, text: str, splits: Splits) -> _Row:
    """The row, with the gaps that are within what was drawn as one: numbers of columns are often written so."""
    pieces = [
        part
        for piece in row.pieces
        for part in (splits.numbers(piece) if _MAY_HIDE_GAPS.search(text, piece.start, piece.end) else [piece])
    ]
    if len(pieces) > len(row.pieces):
        row.pieces = _markers_joined(pieces, text)
    return row


def _parted_closely(row: _Row, text: str, splits: Splits) -> bool:
    """Part what is nothing but figures where they stand close to each other; whether there was any."""
    pieces = [
        part
        for piece in row.pieces
        for part in (splits.figures(piece) if _FIGURES.fullmatch(text, piece.start, piece.end) else [piece])
    ]
    if len(pieces) == len(row.pieces):
        return False
    row.pieces = _markers_joined(pieces, text)
    return True


def _without(free: Sequence[Interval], row: _Row) -> list[Interval]:
    """The intervals, without what the row's pieces cover, as far as they are wide enough to part columns."""
    left = list(free)
    for piece in row.pieces:
        cut: list[Interval] = []
        for start, end in left:
            if piece.box.right <= start or end <= piece.box.left:
                cut.append((start, end))
            else:
                cut += [(start, piece.box.left), (piece.box.right, end)]
        left = [gap for gap in cut if gap[1] - gap[0] >= NARROWEST_GUTTER]
    return left


def _columns(region: _Region, text: str) -> tuple[Sequence[Block], int]:
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
    rows = _table_rows(region.rows)
    if not _has_columns(rows):
        return by_chance
    gutters = _Region.of(rows, region.free).gutters
    cells = [_cells(row, gutters) for row in rows]
    end = second_head(cells, text)
    return [Table(shares_joined(cells[:end], gutters))], end


def _has_columns(rows: Sequence[_Row]) -> bool:
    return sum(row.has_gaps and not row.reaches_over for row in rows) > 1


def _close_together(rows: Sequence[_Row]) -> list[_Row]:
    """The rows up to where the last lines of a column end: a line that is further down is no part of it."""
    steps = [one.box.bottom - other.box.bottom for one, other in pairwise(rows)]
    most = CLOSE * median(steps)
    last = max(at for at, row in enumerate(rows) if row.has_gaps)
    end = next((at + 1 for at in range(last, len(steps)) if steps[at] > most), len(rows))
    return list(rows[:end])


def _table_rows(rows: Sequence[_Row]) -> list[_Row]:
    """The rows up to the last one with gaps before too many without."""
    end, across, labels = 0, 0, 0
    for at, row in enumerate(rows):
        across = 0 if row.has_gaps else across + row.reaches_over
        labels = 0 if row.has_gaps else labels + 1
        if across > MOST_BETWEEN or labels > MOST_LABELS:
            break
        end = at + 1 if row.has_gaps else end
    return list(rows[:end])


def _parted(rows: Sequence[_Row]) -> list[list[_Row]]:
    """The rows, cut where one reaches over all columns."""
    parts: list[list[_Row]] = [[]]
    for row in rows:
        if row.reaches_over:
            parts += [[row], []]
        else:
            parts[-1].append(row)
    return [part for part in parts if part]


def _cells(row: _Row, gutters: Sequence[Interval]) -> Cells:
    cells: list[list[Piece]] = [[] for _ in range(len(gutters) + 1)]
    for piece in row.pieces:
        cells[_column_of(piece, gutters)].append(piece)
    return Cells(tuple(map(tuple, cells)))


def _column_of(piece: Piece, gutters: Sequence[Interval]) -> int:
    """The first of the columns that the piece reaches into."""
    return sum(gap[0] <= piece.box.left for gap in gutters)


def _column_by_column(rows: Sequence[_Row], gutters: Sequence[Interval]) -> Iterator[Block]:
    if not any(row.has_gaps for row in rows):
        for row in rows:
            yield from row.lines
        return
    beside = [_cells(row, gutters).cells for row in rows]
    for column in range(len(gutters) + 1):
        yield from (cells[column] for cells in beside if cells[column])


def _is_prose(rows: Sequence[_Row], gutters: Sequence[Interval], text: str) -> bool:
    """Whether what stands in each of the columns goes on from one line to the next."""
    if len(gutters) >= MOST_PROSE_COLUMNS or _breaks_at_once(rows) >= MOST_BREAKS:
        return False
    cells = [_cells(row, gutters).cells for row in rows]
    columns = [[row[at] for row in cells if row[at]] for at in range(len(gutters) + 1)]
    most = max(len(column) for column in columns)
    return all(len(column) >= max(2, FEWEST_IN_COLUMN * most) and _goes_on(column, text) for column in columns)


def _breaks_at_once(rows: Sequence[_Row]) -> int:
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
    widths = [_around(line).right - _around(line).left for line in column]
    return median(widths) >= FULLEST * max(widths) and len(widths) > 2
