"""Tables of HTML as rows of equal width: merged cells stand in every row they span, several rows of headers become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import NamedTuple

from lxml import etree

from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.tabular.headers import joined_header

# The most columns that a cell spans in any browser.
WIDEST_SPAN = 1_000
TALLEST_SPAN = 65_534
# A cell that spans so many rows of figures at the head of a table is one of its headers.
MOST_HEADER_ROWS = 4


class Cell(NamedTuple):
    """The text of a cell and how many columns and rows it spans."""

    text: str
    columns: int = 1
    rows: int = 1
    is_header: bool = False


@dataclass(slots=True)
class Row:
    """A row as the page has it; rows of one `group` (`thead`, `tbody`) may share cells."""

    group: object = None
    is_head: bool = False
    cells: list[Cell] = field(default_factory=list)

    @classmethod
    def of(cls, element: etree._Element) -> Row:
        """The row of a `tr`, still without its cells."""
        group = element.getparent()
        return cls(group, group is not None and group.tag == "thead")


@dataclass(frozen=True, slots=True)
class Grid:
    """The captions above a table and its rows, the header first where there is one; `cells` is what they took of the room."""

    cells: int
    captions: Sequence[str]
    rows: Iterator[Sequence[str]]


def cell_of(element: etree._Element, text: str) -> Cell:
    """The cell with this text."""
    columns, rows = element.get("colspan"), element.get("rowspan")
    return Cell(
        text,
        max(1, _span(columns, WIDEST_SPAN)) if columns else 1,
        (_span(rows, TALLEST_SPAN) or TALLEST_SPAN) if rows else 1,
        element.tag == "th",
    )


def grid(rows: Sequence[Row], *, room: int) -> Grid:
    """The table of these rows. TooLargeError where merged cells make it larger than `room`, in cells.

    A row at the head that has a single text over all columns is a caption. The text of a cell that spans several columns
    stands in the first of them, in a header in all.
    """
    has_spans = any(cell.columns > 1 or cell.rows > 1 for row in rows for cell in row.cells)
    return _with_spans(rows, room) if has_spans else _without_spans(rows)


def _without_spans(rows: Sequence[Row]) -> Grid:
    heads = _header_rows(rows, [sum(1 for cell in row.cells if cell.text) for row in rows[: MOST_HEADER_ROWS + 2]])
    texts = ([cell.text for cell in row.cells] for row in rows)
    width = max((len(row.cells) for row in rows[:heads]), default=0)
    header = [row + [""] * (width - len(row)) for row in islice(texts, heads)]
    return Grid(0, [], _written(header, texts))


def _with_spans(rows: Sequence[Row], room: int) -> Grid:
    placed = list(_placed(rows, room))
    width = max((column + 1 for row in placed for column, _, _ in row), default=0)
    first = sum(1 for _ in takewhile(lambda at: _is_caption(rows[at], placed[at], width), range(len(rows))))
    if first == len(rows):
        first = 0
    captions = [text for row in placed[:first] for _, cell, _ in row if (text := cell.text)]
    heads = _header_rows(rows[first:], [sum(1 for _, cell, _ in row if cell.text) for row in placed[first:]])
    header = [_spread(row, width, is_header=True) for row in placed[first : first + heads]]
    body = (_spread(row, width, is_header=False) for row in placed[first + heads :])
    return Grid(sum(map(len, placed)), captions, _written(header, body))


def _written(header: list[list[str]], body: Iterator[list[str]]) -> Iterator[list[str]]:
    if any(map(any, header)):
        yield joined_header(header)
    yield from filter(any, body)


_Placed = list[tuple[int, Cell, bool]]
"""The columns in which the cells of a row begin, and whether a cell began in this row rather than above."""


def _placed(rows: Sequence[Row], room: int) -> Iterator[_Placed]:
    hanging: dict[int, tuple[Cell, int]] = {}
    group, left = None, room
    for row in rows:
        if row.group is not group:
            hanging, group = {}, row.group
        left -= len(row.cells) + sum(cell.columns for cell, _ in hanging.values())
        placed, hanging = _place(row, hanging)
        if left < 0:
            # A merged cell is an element for each row that it is in.
            raise TooLargeError(f"The page has more than {room:,} elements.")

        yield placed


def _place(row: Row, hanging: dict[int, tuple[Cell, int]]) -> tuple[_Placed, dict[int, tuple[Cell, int]]]:
    """The row's cells and those that hang into it from above, and what hangs into the next row."""
    taken = {at for column, (cell, _) in hanging.items() for at in range(column, column + cell.columns)}
    placed: _Placed = [(column, cell, False) for column, (cell, _) in hanging.items()]
    below = {column: (cell, rows - 1) for column, (cell, rows) in hanging.items() if rows > 1}
    column = 0
    for cell in row.cells:
        while column in taken:
            column += 1
        placed.append((column, cell, True))
        if cell.rows > 1:
            below[column] = (cell, cell.rows - 1)
        column += cell.columns
    return sorted(placed, key=lambda one: one[0]), below


def _spread(row: _Placed, width: int, *, is_header: bool) -> list[str]:
    """The texts of a row, column by column; none where nothing but cells from above is in it."""
    if not any(cell.text for _, cell, is_own in row if is_own):
        return []
    texts = [""] * width
    for column, cell, _ in row:
        last = column + (cell.columns if is_header else 1)
        texts[column:last] = [cell.text] * (min(last, width) - column)
    return texts


def _is_caption(row: Row, placed: _Placed, width: int) -> bool:
    """Whether the only text of a row spans the table."""
    filled = [cell for _, cell, _ in placed if cell.text]
    if width < 2 or len(filled) != 1 or len(row.cells) != 1:
        return not filled
    return filled[0].columns >= width


def _header_rows(rows: Sequence[Row], filled: Sequence[int]) -> int:
    """How many rows at the top are headers: those of `thead`, or of nothing but `th`, or beside a header that spans them.

    `filled` is how many texts the rows have. Where no other row would be left, or more are marked so than a header has,
    only the first one is.
    """
    heads = sum(1 for _ in takewhile(lambda at: _is_header(rows[at], filled[at]), range(len(filled))))
    if not rows or heads > 1:
        return 1 if heads > MOST_HEADER_ROWS or heads == len(rows) else heads
    spans = {cell.rows for cell in rows[0].cells}
    tall = max(spans, default=1)
    is_above_others = any(cell.columns > 1 and cell.rows == 1 for cell in rows[0].cells)
    is_header = is_above_others and spans == {1, tall} and tall <= min(MOST_HEADER_ROWS, len(rows) - 1)
    return tall if is_header else heads


def _is_header(row: Row, filled: int) -> bool:
    """Whether a row is a header; one text alone is the title of the rows below it."""
    return row.is_head or (filled > 1 and all(cell.is_header for cell in row.cells))


def _span(text: str, most: int) -> int:
    digits = text.strip()
    return min(int(digits[:6]), most) if digits.isascii() and digits.isdecimal() else 1
