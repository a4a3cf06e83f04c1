"""Rows of a page, and regions of them that have gaps in common. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from apps.documents.parsing.pdf.letters import Box, Interval, Line, Piece
from apps.documents.parsing.pdf.tables import Splits

NARROWEST_GUTTER = 3.0
MOST_ROWS = 400
"""That are one table; a longer one goes on as another."""

MOST_BESIDE = 100
MOST_BETWEEN = 3
"""Rows of a table, or headings in it, that reach over its gutters, one after the other."""

MOST_WORDS_BETWEEN = 14
"""In one of these; what is longer is prose between two tables."""

HEADER_ROWS = 4
FURTHEST = 3.5
"""From one row to the next, in heights of a row; what is further down is something else."""

_WORD = re.compile(r"\S+")
_MARKER = re.compile(r"[•·▪■□◦●○‣⁃*–—-]|\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)]|\d+(?:\.\d+)+\.?|☐|☑|☒|[$€£¥]|US\$")
_AFTER = re.compile(r"[)%\]]+")
_FIGURES = re.compile(r"[\d\W]+")
_MAY_HIDE_GAPS = re.compile(r"\S\s+(?:[$€£(]*[\d—–*-]|[$€£¥]\s*\Z)")


@dataclass(slots=True)
class Row:
    """What stands beside each other, from the left; `lines` are those it was drawn in."""

    pieces: list[Piece]
    box: Box
    lines: list[Line]
    reaches_over: bool = field(default=False)

    @property
    def has_gaps(self) -> bool:
        return len(self.pieces) > 1


@dataclass(slots=True)
class Region:
    """Rows that follow each other, and the gaps that all of them leave but those that reach over."""

    rows: list[Row]
    free: list[Interval]

    left: float
    right: float

    @property
    def gutters(self) -> list[Interval]:
        """Those of the gaps that have something on both sides."""
        return [gap for gap in self.free if self.left < gap[0] and gap[1] < self.right]

    @classmethod
    def of(cls, rows: Sequence[Row], free: list[Interval]) -> Region:
        return cls(list(rows), free, min(row.box.left for row in rows), max(row.box.right for row in rows))

    def with_row(self, row: Row, waiting: Sequence[Row]) -> bool:
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

    def put(self, row: Row) -> None:
        """Add a row that reaches over the gutters."""
        row.reaches_over = True
        self.rows.append(row)


def rows_of(lines: Sequence[Line], text: str) -> list[Row]:
    rows: list[Row] = []
    for line in lines:
        pieces = _markers_joined(line, text)
        if rows and _stands_beside(rows[-1], pieces):
            last = rows[-1]
            last.pieces = sorted([*last.pieces, *pieces], key=lambda piece: piece.box.left)
            last.box = around(last.pieces)
            last.lines.append(line)
        else:
            ordered = sorted(pieces, key=lambda piece: piece.box.left)
            rows.append(Row(ordered, around(ordered), [line]))
    return rows


def _stands_beside(row: Row, pieces: Sequence[Piece]) -> bool:
    return len(row.pieces) < MOST_BESIDE and all(
        one.box.beside(row.pieces[0].box) and all(_apart(one.box, other.box) for other in row.pieces) for one in pieces
    )


def _apart(one: Box, other: Box) -> bool:
    return one.right < other.left or other.right < one.left


def around(pieces: Iterable[Piece]) -> Box:
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


def region_of(rows: Sequence[Row], start: int, text: str, splits: Splits) -> Region:
    """The rows from `start` on that have gaps in common with the one of the first rows that has most of them."""
    first = [_finer(row, text, splits) for row in _following(rows, start, HEADER_ROWS)]
    seed = max(range(len(first)), key=lambda at: len(first[at].pieces))
    region = Region.of([first[seed]], _without([(float("-inf"), float("inf"))], first[seed]))
    waiting: list[Row] = []
    for at in range(start + seed + 1, min(len(rows), start + MOST_ROWS)):
        if not is_below((waiting or region.rows)[-1].box, rows[at].box):
            break
        row = _finer(rows[at], text, splits)
        if region.with_row(row, waiting) or (_parted_closely(row, text, splits) and region.with_row(row, waiting)):
            waiting = []
        elif len(waiting) == MOST_BETWEEN or _is_prose_line(row, text):
            break
        else:
            waiting.append(row)
    for row in reversed(first[:seed]):
        if not region.with_row(row, []):
            region.put(row)
    region.rows.sort(key=lambda row: -row.box.top)
    return region


def _is_prose_line(row: Row, text: str) -> bool:
    first = row.pieces[0]
    return not row.has_gaps and len(_WORD.findall(text, first.start, first.end)) > MOST_WORDS_BETWEEN


def _following(rows: Sequence[Row], start: int, most: int) -> list[Row]:
    found = [rows[start]]
    for row in rows[start + 1 : start + most]:
        if not is_below(found[-1].box, row.box):
            break
        found.append(row)
    return found


def is_below(above: Box, box: Box) -> bool:
    height = max(above.height, box.height)
    return -height < above.bottom - box.top < FURTHEST * height


def _finer(row: Row, text: str, splits: Splits) -> Row:
    """The row, with the gaps that are within what was drawn as one: numbers of columns are often written so."""
    pieces = [
        part
        for piece in row.pieces
        for part in (splits.numbers(piece) if _MAY_HIDE_GAPS.search(text, piece.start, piece.end) else [piece])
    ]
    if len(pieces) > len(row.pieces):
        row.pieces = _markers_joined(pieces, text)
    return row


def _parted_closely(row: Row, text: str, splits: Splits) -> bool:
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


def _without(free: Sequence[Interval], row: Row) -> list[Interval]:
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
