"""What the columns of a table are called, and which of them a question asks for. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

BETWEEN_NAMES = " / "
"""Between a name that stands over several columns and the names below it."""


def columns_named(head: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns, each with what stands above it.

    In a long head a name over several columns stands in the first of them alone. Names below it then come again under the next
    one: what comes twice without a name above it has that of the columns before it.
    """
    again = Counter(cell for cell in head[1:] if cell and BETWEEN_NAMES not in cell)
    lasts = {cell.split(BETWEEN_NAMES)[-1] for cell in head[1:] if BETWEEN_NAMES in cell}
    shared = {cell for cell, times in again.items() if times > 1} | (lasts & set(again))
    named, above = list(head[:1]), ""
    for cell in head[1:]:
        over = BETWEEN_NAMES in cell
        above = cell.rpartition(BETWEEN_NAMES)[0] if over else above
        named.append(f"{above}{BETWEEN_NAMES}{cell}" if above and not over and cell in shared else cell)
    return tuple(named)


def columns_asked(columns: Sequence[frozenset[str]], asked: frozenset[str]) -> list[int]:
    """The places of the columns that a question asks for, by their terms; all where it tells none from the others.

    What all columns say tells nothing. Of the rest a column is left out where another one has all that is asked for of it, and
    more: "the year 2022" is none of the columns of 2021, and "2021 and 2022" are both.
    """
    common = frozenset.intersection(*columns) if len(columns) > 1 else frozenset()
    met = [(column - common) & asked for column in columns]
    return [at for at, own in enumerate(met) if not any(own < other for other in met)]
