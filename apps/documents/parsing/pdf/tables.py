"""Tables of a page as rows of cells, and rows that are one though they take several lines. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from apps.documents.parsing.pdf.letters import Box, Interval, Line, Piece

FEWEST_COLUMNS = 2
TIGHT = 1.2
"""From one line of a label to the next, as a gap in heights of the line at most."""

OFF = 0.3
"""Of its height a line stands above or below figures that are beside it and another one."""

_ENDS_LABEL = (":", ".", ";")

HeadCell = tuple[tuple[Piece, ...], ...]
"""What names a column, from the name over most columns to its own one; each in pieces."""


@dataclass(frozen=True, slots=True)
class Cells:
    """A row of a table: the pieces of each of its cells."""

    cells: tuple[tuple[Piece, ...], ...]

    @property
    def is_label(self) -> bool:
        """Whether nothing stands but in the first column."""
        return bool(self.cells[0]) and not any(self.cells[1:])


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with as many cells each, and the head above them where lines are known to be it."""

    rows: tuple[Cells, ...]
    head: tuple[HeadCell, ...] = ()


Block = Line | Table
"""A line of the page, or a table in it."""

Split = Callable[[Piece], list[Piece]]


@dataclass(frozen=True, slots=True)
class Splits:
    """What a piece is made of when its gaps are looked at: before its numbers, before all words, or between close figures."""

    numbers: Split
    words: Split
    figures: Split


def said(pieces: Sequence[Piece], text: str) -> str:
    """What the pieces of a cell say."""
    if len(pieces) == 1:
        return text[pieces[0].start : pieces[0].end].strip()
    return " ".join([text[piece.start : piece.end].strip() for piece in pieces])


def shares_joined(rows: Sequence[Cells], gutters: Sequence[Interval]) -> tuple[Cells, ...]:
    """The rows, where the nearest columns are one if no row has something in both: heads stand to the left of numbers."""
    filled = [{at for at, row in enumerate(rows) if row.cells[column]} for column in range(len(gutters) + 1)]
    apart = [column for column, (one, other) in enumerate(pairwise(filled)) if not one & other]
    if not apart or len(filled) == FEWEST_COLUMNS:
        return tuple(rows)
    first = min(apart, key=lambda column: gutters[column][1] - gutters[column][0])
    joined = [
        Cells((*row.cells[:first], row.cells[first] + row.cells[first + 1], *row.cells[first + 2 :])) for row in rows
    ]
    return shares_joined(joined, [*gutters[:first], *gutters[first + 1 :]])


def labels_joined(rows: Sequence[Cells], text: str) -> tuple[Cells, ...]:
    """The rows, where a label that goes on in the line below is one: "Purchase of property and" / "equipment"."""
    joined: list[Cells] = []
    for row in rows:
        last = joined[-1] if joined else None
        if last is not None and last.is_label and row.cells[0] and _goes_on(last.cells[0], row, text):
            joined[-1] = Cells((last.cells[0] + row.cells[0], *row.cells[1:]))
        else:
            joined.append(row)
    return tuple(joined)


def _goes_on(label: Sequence[Piece], row: Cells, text: str) -> bool:
    one, other = label[-1].box, row.cells[0][0].box
    if one.bottom - other.top > TIGHT * max(one.height, other.height):
        return False
    if said(label, text).endswith(_ENDS_LABEL):
        return False
    first = text[row.cells[0][0].start : row.cells[0][0].end].lstrip()[:1]
    return first.islower() or _is_around(one, other, row)


def _is_around(above: Box, below: Box, row: Cells) -> bool:
    """Whether a row's figures stand beside the middle of both lines of its label."""
    beside = next((cell[0].box for cell in row.cells[1:] if cell), None)
    return beside is not None and below.middle + OFF * below.height < beside.middle < above.middle - OFF * above.height
