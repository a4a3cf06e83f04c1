"""How a unit reads as a piece of an answer; its quote stays as the document has it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from apps.retrieval.answers.extractive.units import Unit, UnitKind, ends, without_bullet
from apps.retrieval.index.lexical.analysis import terms_of_text

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
    cells, head = unit.cells, unit.head
    if len(head) != len(cells):
        return BETWEEN.join(cell for cell in cells if cell)
    named = list(zip(head, cells, strict=True))[1:]
    asked = [(name, cell) for name, cell in named if set(terms_of_text(name, language=language)) & set(terms)]
    shown = asked or named[: MOST_COLUMNS - 1]
    rest = [f"{name}: {cell}" if name else cell for name, cell in shown if cell]
    return BETWEEN.join([*filter(None, [cells[0]]), *rest])
