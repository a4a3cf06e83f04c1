"""Tables whose cells span columns or rows, as rows of texts.

A cell that spans columns or rows stands in each of them, so that every row and every column can be read by itself; a long
one, or one that has its row to itself, stands once. A header of several rows becomes one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from apps.documents.parsing.tabular.headers import (
    LEAST_NAMES,
    MOST_HEADER_ROWS,
    goes_on,
    is_name,
    is_period,
    joined_header,
)

LONGEST_REPEATED = 80
MOST_REPEATED = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell over some `columns`; one that `continues` lies under the cell above, which spans it."""

    text: str
    columns: int = 1
    continues: bool = False


def table_rows(rows: Sequence[Sequence[Cell]], *, declared: int = 0) -> Iterator[list[str]]:
    """The rows with a text for each column, those of the header as one; at least `declared` rows are the header."""
    texts = spread(rows)
    header = list(islice(texts, _header_length(rows, declared)))
    yield from [joined_header(header)] if len(header) > 1 else header
    yield from texts


def is_caption(row: Sequence[Cell]) -> bool:
    """Whether a row is one cell over several columns."""
    return len(row) == 1 and row[0].columns > 1


def repeated(text: str) -> str:
    """What stands in the further columns and rows that a cell with this text spans."""
    return text if len(text) <= LONGEST_REPEATED else ""


def _header_length(rows: Sequence[Sequence[Cell]], declared: int) -> int:
    """As many rows as are declared, and what stands under a name over several columns."""
    length = max(min(declared, MOST_HEADER_ROWS), 1)
    texts = list(islice(spread(rows), MOST_HEADER_ROWS + 1))
    while length < min(len(rows) - 1, MOST_HEADER_ROWS) and _is_open(rows[length - 1]):
        is_under_names = any(cell.continues for cell in rows[length])
        if not goes_on(texts[length - 1], texts[length], texts[length + 1], is_under_names=is_under_names):
            break
        length += 1
    return length


def _is_open(row: Sequence[Cell]) -> bool:
    """Whether a row of names leaves what stands in its columns to the next one."""
    filled = [cell for cell in row if cell.text]
    is_names = all(is_name(cell.text) or is_period(cell.text) for cell in filled)
    return len(filled) >= LEAST_NAMES and is_names and any(cell.columns > 1 for cell in filled)


def spread(rows: Iterable[Sequence[Cell]]) -> Iterator[list[str]]:
    """The rows with a text for each column, one by one."""
    above: list[str] = []
    for row in rows:
        above = spread_row(row, above)
        yield above


def spread_row(row: Sequence[Cell], above: Sequence[str]) -> list[str]:
    """A row with a text for each column, by the row above it."""
    is_alone = sum(bool(cell.text or cell.continues) for cell in row) <= 1
    texts: list[str] = []
    for cell in row:
        at = len(texts)
        text = repeated(above[at]) if cell.continues and not cell.text and at < len(above) else cell.text
        again = "" if is_alone else repeated(text)
        texts += [text, *[again] * (min(cell.columns, MOST_REPEATED) - 1)]
    return texts
