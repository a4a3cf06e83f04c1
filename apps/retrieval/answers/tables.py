"""Tables as parsers write them into a text: rows between bars, and what says something of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from apps.documents.sentences.splitting import STOPS

LONGEST_HEADING = 80

LONGEST_ABOVE = 200
"""Characters of the end of the line above a table, which may say what it is a table of."""

_BAR = re.compile(r"(?<!\\)\|")
_ENDS_SENTENCE = re.compile(rf"[{STOPS}]\s*$")


@dataclass(frozen=True, slots=True)
class TableLine:
    """A row of a table that says something of others: the names of the columns, or what the rows below it have in common.

    `start` is its place in the version's text.
    """

    start: int
    text: str

    @property
    def cells(self) -> tuple[str, ...]:
        return row_cells(self.text)


@dataclass(frozen=True, slots=True)
class TableHead:
    """The names of a table's columns, what the line above the table says, and what the rows have in common that a passage begins
    with; `group` is None where they have nothing.
    """

    names: TableLine
    above: str = ""
    group: TableLine | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        return self.names.cells


Heads = Mapping[int, tuple[str, ...]]
"""By the id of a chunk that begins within a table the names of its columns."""

NO_HEADS: Heads = {}

TableHeads = Mapping[int, TableHead]
"""By the id of a chunk that begins within a table its head."""

NO_TABLES: TableHeads = {}


def row_cells(line: str) -> tuple[str, ...]:
    """The cells of a table's row as parsers write it: `| Toronto | IKEv2 |`, with `\\|` for a bar within one."""
    return tuple(cell.strip().replace("\\|", "|") for cell in _BAR.split(line.strip().strip("|")))


def is_row(line: str) -> bool:
    """Whether a line is a row of a table."""
    return line.lstrip().startswith("|") and line.count("|") >= 2


def is_group(line: str) -> bool:
    """Whether a row only says what the rows below it have in common: one name, and nothing in the other columns."""
    cells = row_cells(line)
    name = cells[0] if len(cells) > 1 and not any(cells[1:]) else ""
    return 0 < len(name) <= LONGEST_HEADING and not _ENDS_SENTENCE.search(name)


def line_above(text: str) -> str:
    """What the last line before a table says."""
    lines = text.rstrip().rsplit("\n", 1)
    return lines[-1][-LONGEST_ABOVE:] if lines and not is_row(lines[-1]) else ""
