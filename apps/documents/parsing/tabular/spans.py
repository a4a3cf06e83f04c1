"""Tables whose cells span columns or rows, and whose header may take several rows, as rows of single texts.

A cell that spans columns or rows stands in each of them, so that every row and every column can be read by itself; a long
one, or one that has its row to itself, stands once. A header of several rows becomes one row ("2023 / Q1").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

LONGEST_REPEATED = 80
MOST_HEADER_ROWS = 3
LEAST_NAMES = 2
MOST_COLUMNS = 16_384
BETWEEN_HEADERS = " / "
_YEAR = re.compile(r"(?:19|20)\d\d(?:[/–-](?:19|20)?\d\d)?")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell over some `columns`; one that `continues` lies under the cell above, which spans it."""

    text: str
    columns: int = 1
    continues: bool = False


def is_number(text: str) -> bool:
    """Whether it is a figure rather than a name: digits and what is written around them, but no letters."""
    return any(character.isdecimal() for character in text) and not any(character.isalpha() for character in text)


def is_year(text: str) -> bool:
    """Whether it is a year, or two as one ("2023/24"): a figure that may well name a column."""
    return _YEAR.fullmatch(text) is not None


def spread(rows: Sequence[Sequence[Cell]]) -> Iterator[list[str]]:
    """The rows with a text for each column, one by one."""
    above: list[str] = []
    for row in rows:
        above = list(_spread(row, above))
        yield above


def header_length(rows: Sequence[Sequence[Cell]], *, declared: int = 0) -> int:
    """How many of the first rows are the header: as many as are declared, and what stands under a cell over columns."""
    length = max(min(declared, MOST_HEADER_ROWS), 1)
    while length < min(len(rows) - 1, MOST_HEADER_ROWS) and _is_open(rows[length - 1]) and _has_names(rows[length]):
        length += 1
    return min(length, len(rows))


def joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a header as one."""
    width = max(map(len, rows), default=0)
    columns = [[row[at] for row in rows if at < len(row) and row[at]] for at in range(width)]
    return [BETWEEN_HEADERS.join(dict.fromkeys(texts)) for texts in columns]


def table_rows(rows: Sequence[Sequence[Cell]], *, declared: int = 0) -> Iterator[list[str]]:
    """The rows as texts, those of the header as one."""
    texts = spread(rows)
    header = list(islice(texts, header_length(rows, declared=declared)))
    yield from [joined(header)] if len(header) > 1 else header
    yield from texts


def is_caption(row: Sequence[Cell]) -> bool:
    """Whether a row is one cell over several columns, and nothing else."""
    filled = [cell for cell in row if cell.text]
    return len(filled) == 1 and filled[0].columns > 1 and len(row) == 1


def _spread(row: Sequence[Cell], above: Sequence[str]) -> Iterator[str]:
    at = 0
    is_alone = sum(bool(cell.text or cell.continues) for cell in row) <= 1
    for cell in row:
        text = above[at] if cell.continues and not cell.text and at < len(above) else cell.text
        if cell.continues and len(text) > LONGEST_REPEATED:
            text = ""
        yield text
        columns = max(min(cell.columns, MOST_COLUMNS - at), 1)
        again = text if not is_alone and len(text) <= LONGEST_REPEATED else ""
        yield from [again] * (columns - 1)
        at += columns


def _is_open(row: Sequence[Cell]) -> bool:
    """Whether a row of names leaves what stands in its columns to the next one."""
    filled = [cell for cell in row if cell.text]
    return len(filled) >= LEAST_NAMES and any(cell.columns > 1 for cell in filled) and all(map(_is_name, filled))


def _has_names(row: Sequence[Cell]) -> bool:
    filled = [cell for cell in row if cell.text]
    return len(filled) >= LEAST_NAMES and all(map(_is_name, filled))


def _is_name(cell: Cell) -> bool:
    return not is_number(cell.text) or is_year(cell.text)
