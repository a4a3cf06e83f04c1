"""Whether a parsed text has a row of a table, below the headers that name its cells."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.cases.texts import folded, shown, unescaped, wrong_order

LINE_BREAK = re.compile(r"<br\s*/?>")
MARKS_AROUND = re.compile(r"^[*_`]{1,3}|[*_`]{1,3}$")
BAR = re.compile(r"(?<!\\)\|")
BARS_AROUND = re.compile(r"^\||(?<!\\)\|$")
RULE = re.compile(r"\s*[|+]?[\s:|+=-]*-[\s:|+=-]*")
SEPARATORS = (re.compile(r"\t"), re.compile(r"\s*;\s*"), re.compile(r",\s+"))
DELIMITERS = ",;\t"
BETWEEN_WIDE_GAPS = re.compile(r"\S+(?: \S+)*")


@dataclass(frozen=True, slots=True)
class Row:
    """Cells as they read. `columns` says at which character of the line each begins, where that is what tells columns apart;
    `is_header` that Markdown makes it the header.
    """

    cells: tuple[str, ...]
    columns: tuple[int, ...] = ()
    is_header: bool = False

    def over(self, row: Row, index: int) -> str:
        """The cell of this row that is above that cell of the other; empty if there is none."""
        if row.columns and self.columns:
            index = min(range(len(self.cells)), key=lambda i: abs(self.columns[i] - row.columns[index]))
        return self.cells[index] if index < len(self.cells) else ""


Table = list[Row]


def wrong_row(text: str, cells: Sequence[str], under: Mapping[str, Sequence[str]], *, whole: bool) -> str:
    """Why no line or row has these cells in this order; empty if one has.

    With `whole`, and where headers are named, they must be whole cells. How rows are written does not matter: cells
    may be parted by bars, tabs, semicolons, commas or wide gaps, or read `header: cell`. `under` has headers of a
    cell: they stand above it in its column, or before it.
    """
    if not (under or whole) and any(not wrong_order(line, cells) for line in text.splitlines()):
        return ""
    is_found = False
    for table in _tables(text):
        for number, at in _places(table, cells):
            is_found = True
            if all(_has_header(table, number, at[cell], one) for cell, headers in under.items() for one in headers):
                return ""
    row = " | ".join(cells)
    return f"the row {row} is not under {shown(under)}" if is_found else f"there is no row {row}"


def _tables(text: str) -> Iterator[Table]:
    """The text as rows, once for each way of writing them."""
    lines = text.splitlines()
    yield [_of_bars(line, below) for line, below in pairwise([*lines, ""]) if not RULE.fullmatch(line)]
    for separator in SEPARATORS:
        yield [Row(tuple(map(_cell, separator.split(line)))) for line in lines]
    for delimiter in DELIMITERS:
        with contextlib.suppress(csv.Error):
            rows = csv.reader(io.StringIO(text.strip()), delimiter=delimiter)
            yield [Row(tuple(map(_cell, row))) for row in rows]
    yield [_of_gaps(line) for line in lines]


def _of_bars(line: str, below: str) -> Row:
    parts = BAR.split(BARS_AROUND.sub("", line.strip())) if "|" in line else ()
    return Row(tuple(map(_cell, parts)), is_header="|" in below and RULE.fullmatch(below) is not None)


def _of_gaps(line: str) -> Row:
    parts = list(BETWEEN_WIDE_GAPS.finditer(line))
    return Row(tuple(_cell(part.group()) for part in parts), tuple(part.start() for part in parts))


def _cell(text: str) -> str:
    return folded(MARKS_AROUND.sub("", unescaped(LINE_BREAK.sub(" ", text)).strip()))


def _places(table: Table, cells: Sequence[str]) -> Iterator[tuple[int, dict[str, int]]]:
    """The rows that have the cells, each by its number, with where in it each cell is."""
    for number, row in enumerate(table):
        at: dict[str, int] = {}
        start = 0
        for cell in cells:
            found = next((i for i in range(start, len(row.cells)) if _reads(row.cells[i], folded(cell))), None)
            if found is None:
                break
            at[cell], start = found, found + 1
        else:
            yield number, at


def _reads(cell: str, wanted: str) -> bool:
    return cell == wanted or re.fullmatch(rf"[^:=]+[:=]\s*{re.escape(wanted)}", cell) is not None


def _has_header(table: Table, number: int, index: int, header: str) -> bool:
    """Whether the header is before the cell in it, or above it no further up than what Markdown calls the header."""
    row, name = table[number], rf"(?<!\w){re.escape(folded(header))}(?!\w)"
    if re.match(rf"{name}\s*[:=]", row.cells[index]):
        return True
    if row.is_header:
        return False
    for above in reversed(table[:number]):
        if re.search(name, above.over(row, index)):
            return True
        if above.is_header:
            return False
    return False
