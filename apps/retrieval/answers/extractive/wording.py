"""How a unit reads as a piece of an answer; its quote stays as the document has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from apps.retrieval.answers.extractive.columns import columns_asked, columns_named
from apps.retrieval.answers.extractive.rows import row_terms
from apps.retrieval.answers.extractive.units import Unit, UnitKind, ends, without_bullet

_MEASURE = re.compile(r"[($€£¥%]")
"""What stands above the names of rows and has such a sign says what figures are in: "(in millions)"."""

MOST_COLUMNS = 8
BETWEEN = " · "


def worded(unit: Unit, *, terms: Collection[str], language: str) -> str:
    """The unit's text on one line. A row of a table has its columns' names as words, and of many columns those that the
    `terms` of the question ask for.
    """
    if unit.kind is UnitKind.ROW:
        return _row_worded(unit, terms, language)
    return " ".join(without_bullet(unit.text).split())


def ended(text: str) -> str:
    """With a full stop where it has none, so that what follows it is not read as its end."""
    return text if ends(text) else f"{text}."


def _row_worded(unit: Unit, terms: Collection[str], language: str) -> str:
    cells, columns = unit.cells, columns_named(unit.head)
    if len(columns) != len(cells):
        return BETWEEN.join(cell for cell in cells if cell)
    wanted = frozenset(terms)
    asked = columns_asked([row_terms(one, language) for one in columns[1:]], wanted)
    named = [(columns[1 + at], cells[1 + at]) for at in asked]
    rest = [f"{name}: {cell}" if name else cell for name, cell in named[: MOST_COLUMNS - 1] if cell]
    return BETWEEN.join([*filter(None, [_called(unit, wanted, language)]), *rest])


def _called(unit: Unit, wanted: frozenset[str], language: str) -> str:
    """What the row is called: its first cell; before it what it has in common with the rows beside it, where that is asked for
    and it does not say it itself; behind it what its figures are in.
    """
    name, table = unit.cells[0], unit.table
    if table and table.group:
        group = table.group.cells[0]
        if row_terms(group, language) & wanted - row_terms(name, language):
            name = f"{group.rstrip(':')}: {name}" if name else group
    if table and _MEASURE.search(table.cells[0]):
        return f"{name} {_in_parentheses(table.cells[0])}".strip()
    return name


def _in_parentheses(text: str) -> str:
    return text if text.startswith("(") else f"({text})"
