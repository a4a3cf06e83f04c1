"""Rows of spreadsheets and table files, in bands that each begin with the table's header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from apps.documents.parsing.building import DocumentBuilder, table_row
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.tabular.headers import (
    LEAST_NAMES,
    MOST_HEADER_ROWS,
    goes_on,
    is_number,
    is_period,
    joined_header,
    names_columns,
)
from apps.documents.parsing.types import Place, PlaceKind

# A band is one place to point at, so it is kept about as long as a passage.
ROWS_A_BAND = 20
CHARACTERS_A_BAND = 1_000
# So many blank rows may lie within a table.
WIDEST_GAP = 3
# So many rows tell what stands in a table's columns.
TELLING_ROWS = 100
# A longer header stands above a table's bands, shortened, and is not repeated in them.
LONGEST_HEADER = 1_000
# A few repeated texts could otherwise make a row of gigabytes.
LONGEST_ROW = 1_000_000


class Row(NamedTuple):
    """A row: its number from 1, its texts, whether names in it span columns, and whether ones above reach into it."""

    number: int
    texts: Sequence[str]
    has_spans: bool = False
    is_under_spans: bool = False


def sheet_place(sheet: str, rows: tuple[int, int]) -> Place:
    """Rows of the sheet with this name."""
    return Place(PlaceKind.SHEET, label=sheet, rows=rows)


def row_place(rows: tuple[int, int]) -> Place:
    """Rows of a file that is one table."""
    return Place(PlaceKind.ROW, number=rows[0], rows=rows)


def check_row(cells: Sequence[str]) -> None:
    """TooLargeError for a row so long that it must not even be joined."""
    if sum(map(len, cells)) > LONGEST_ROW:
        raise TooLargeError(f"A row of a table has more than {LONGEST_ROW:,} characters: {cells[0][:40]!r} and so on.")


@dataclass(slots=True)
class _Shape:
    """What is known of a table: its header, and in which columns it has figures and names."""

    header: Sequence[str] = ()
    figures: set[int] = field(default_factory=set)
    names: set[int] = field(default_factory=set)
    rows: int = 0

    def learn(self, texts: Sequence[str]) -> None:
        """What the first rows tell."""
        self.rows += 1
        if self.rows > TELLING_ROWS:
            return
        for at, text in enumerate(texts):
            if text:
                (self.figures if is_number(text) else self.names).add(at)

    def fits(self, texts: Sequence[str], *, gap: int) -> bool:
        """Whether a row after so many blank ones goes on with the table: it has figures where the table has them."""
        filled = {at for at, text in enumerate(texts) if text}
        known = self.figures | self.names | {at for at, text in enumerate(self.header) if text}
        if gap > WIDEST_GAP or not filled <= known or self._begins_anew(texts):
            return False
        figures = {at for at in filled if is_number(texts[at])}
        if not self.figures:
            return bool(figures and not self.names) or (gap == 1 and filled == known and not figures)
        return bool(figures & self.figures) and not (filled - figures) & (self.figures - self.names)

    def _begins_anew(self, texts: Sequence[str]) -> bool:
        """Whether the row is the header of a table like this one, with the same names or with other years."""
        same = [text for text, name in zip(texts, self.header, strict=False) if text and text == name]
        figures = [text for text in texts if is_number(text)]
        return bool(same) and all(map(is_period, figures))


@dataclass(slots=True)
class TableWriter:
    """Takes rows one by one and hands them to the builder in bands.

    A table's header is its first row with several cells, if these are names or years; the rows above it are captions.
    Rows of names under names that span columns are part of it. It stands at the head of each band. A few blank rows end a
    table unless what follows looks like its rows. Columns in which neither the header nor the band has anything are left
    out.
    """

    builder: DocumentBuilder
    place: Callable[[tuple[int, int]], Place]
    headings: tuple[str, ...] = ()
    shape: _Shape = field(default_factory=_Shape)
    before: _Shape | None = None
    gap: int = 0
    is_header_known: bool = False
    waiting: list[Row] = field(default_factory=list)
    band: list[Sequence[str]] = field(default_factory=list)
    has_header: bool = False
    first: int = 0
    last: int = 0
    band_end: int = 0
    characters: int = 0

    def row(self, number: int, cells: Sequence[str], *, has_spans: bool = False, is_under_spans: bool = False) -> None:
        """The row with this number, from 1; numbers must rise. TooLargeError for an endless one."""
        check_row(cells)
        texts = [" ".join(cell.split()) for cell in cells]
        if not any(texts):
            return
        if self.last and number > self.last + 1:
            self._pause(number - self.last - 1)
        self.last = number
        if self.is_header_known:
            self.shape.learn(texts)
            self._keep(number, texts)
        else:
            self._wait(Row(number, texts, has_spans, is_under_spans))

    def end_table(self) -> None:
        """What follows is another table, or none."""
        self._pause(WIDEST_GAP + 1)
        self.before = None
        self.last = 0

    def _pause(self, gap: int) -> None:
        """Blank rows: what follows may go on with the table."""
        self._settle()
        self._end_band()
        if self.is_header_known:
            self.before = self.shape
        self.gap = gap
        self.shape = _Shape()
        self.is_header_known = False

    def _wait(self, row: Row) -> None:
        """Keeps the row until it is known which rows are the header."""
        if not self.waiting and sum(map(bool, row.texts)) < LEAST_NAMES:
            self._add(row)
        elif not self.waiting and self.before is not None and self.before.fits(row.texts, gap=self.gap):
            self._end_band()
            self.shape, self.is_header_known = self.before, True
            self._add(row)
        else:
            self.waiting.append(row)
            if len(self.waiting) > (MOST_HEADER_ROWS if self.waiting[0].has_spans else 1):
                self._settle()

    def _settle(self) -> None:
        """Tells the header from the rows that were kept, and takes them."""
        if not self.waiting:
            return
        rows, self.waiting = self.waiting, []
        self._end_band()
        self.is_header_known = True
        length = _header_length(rows)
        if length:
            header = joined_header(row.texts for row in rows[:length]) if length > 1 else rows[0].texts
            self.shape.header = header
            self.has_header = True
            self._keep(rows[0].number, header)
            self.band_end = rows[length - 1].number
        for row in rows[length:]:
            self._add(row)

    def _add(self, row: Row) -> None:
        if self.is_header_known:
            self.shape.learn(row.texts)
        self._keep(row.number, row.texts)

    def _keep(self, number: int, texts: Sequence[str]) -> None:
        if not self.band:
            self.first = number
        self.band.append(texts)
        self.band_end = number
        self.characters += sum(map(len, texts))
        if len(self.band) >= ROWS_A_BAND or self.characters >= CHARACTERS_A_BAND:
            self._end_band()

    def _end_band(self) -> None:
        if not self.band:
            return
        header = self.shape.header
        columns = _used_columns([header, *self.band])
        line = table_row(_picked(header, columns)) if header else ""
        is_short = len(line) <= LONGEST_HEADER
        self.builder.place(self.place((self.first, self.band_end)))
        self.builder.under(*self.headings, "" if is_short else " | ".join(filter(None, header)))
        if line and is_short and not self.has_header:
            self.builder.line(line)
        for texts in self.band:
            self.builder.line(table_row(_picked(texts, columns)))
        self.band = []
        self.has_header = False
        self.characters = 0


def _header_length(rows: Sequence[Row]) -> int:
    """How many of the rows, from the first, are the header."""
    texts: list[Sequence[str] | None] = [*(row.texts for row in rows), None]
    first = rows[0]
    if not names_columns(_once(first.texts) if first.has_spans else first.texts, texts[1]):
        return 0
    length = 1
    while length < len(rows) and rows[length - 1].has_spans:
        above, row = rows[length - 1].texts, rows[length]
        if not goes_on(above, list(row.texts), texts[length + 1], is_under_names=row.is_under_spans):
            break
        length += 1
    return length


def _once(row: Sequence[str]) -> list[str]:
    """The row, where a text that comes again in the next column stands in the first one only."""
    return ["" if at and text == row[at - 1] else text for at, text in enumerate(row)]


def _used_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    return sorted({column for row in rows for column, text in enumerate(row) if text})


def _picked(row: Sequence[str], columns: Sequence[int]) -> list[str]:
    return [row[column] if column < len(row) else "" for column in columns] if row else []
