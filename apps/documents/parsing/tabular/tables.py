"""Rows of spreadsheets and table files, in bands that keep the header as their heading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from apps.documents.parsing.building import DocumentBuilder, table_row
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.types import Place, PlaceKind

# A band is one place to point at, so it is kept about as long as a passage.
ROWS_A_BAND = 20
CHARACTERS_A_BAND = 1_000
LEAST_COLUMNS = 2
# A few repeated texts could otherwise make a row of gigabytes.
LONGEST_ROW = 1_000_000


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
class TableWriter:
    """Takes rows one by one and hands them to the builder in bands.

    A blank row ends a table. A table's header is its first row with several words and no number; the rows above it are
    captions. The header is a line of the first band and the heading of all, below `headings`. Columns in which neither
    the header nor the band has anything are left out.
    """

    builder: DocumentBuilder
    place: Callable[[tuple[int, int]], Place]
    headings: tuple[str, ...] = ()
    header: Sequence[str] = ()
    is_header_known: bool = False
    band: list[Sequence[str]] = field(default_factory=list)
    first: int = 0
    last: int = 0
    characters: int = 0

    def row(self, number: int, cells: Sequence[str]) -> None:
        """The row with this number, from 1; numbers must rise. TooLargeError for an endless one."""
        check_row(cells)
        texts = [" ".join(cell.split()) for cell in cells]
        if not any(texts):
            self.end_table()
            return
        if self.last and number > self.last + 1:
            self.end_table()
        self._look_for_header(texts)
        self._add(number, texts)

    def end_table(self) -> None:
        """What follows is another table, or none."""
        self._end_band()
        self.header = ()
        self.is_header_known = False
        self.last = 0

    def _look_for_header(self, texts: Sequence[str]) -> None:
        filled = [text for text in texts if text]
        if self.is_header_known or len(filled) < LEAST_COLUMNS:
            return
        self._end_band()
        self.is_header_known = True
        if not any(_is_number(text) for text in filled):
            self.header = texts

    def _add(self, number: int, texts: Sequence[str]) -> None:
        if not self.band:
            self.first = number
        self.band.append(texts)
        self.last = number
        self.characters += sum(map(len, texts))
        if len(self.band) >= ROWS_A_BAND or self.characters >= CHARACTERS_A_BAND:
            self._end_band()

    def _end_band(self) -> None:
        if not self.band:
            return
        columns = _used_columns([self.header, *self.band])
        self.builder.place(self.place((self.first, self.last)))
        self.builder.under(*self.headings, " | ".join(filter(None, self.header)))
        for texts in self.band:
            self.builder.line(table_row(_picked(texts, columns)))
        self.band = []
        self.characters = 0


def _used_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    return sorted({column for row in rows for column, text in enumerate(row) if text})


def _picked(row: Sequence[str], columns: Sequence[int]) -> list[str]:
    return [row[column] if column < len(row) else "" for column in columns] if row else []


def _is_number(text: str) -> bool:
    """Whether it is a figure rather than a name: digits and what is written around them, but no letters."""
    return any(character.isdecimal() for character in text) and not any(character.isalpha() for character in text)
