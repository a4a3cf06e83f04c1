"""Which of a table's first rows name its columns: words, but also years, and names in several rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

BETWEEN_HEADERS = " / "
MOST_HEADER_ROWS = 3
LEAST_NAMES = 2
LEAST_STEPS = 3
LONGEST_FIGURE = 18
# Years, months and days: figures that may well name a column.
_PERIOD = re.compile(r"(?:19|20)\d\d(?:[/–-](?:(?:19|20)?\d\d)(?:-\d\d)?)?")


def is_number(text: str) -> bool:
    """Whether it is a figure rather than a name: digits and what is written around them, but no letters."""
    return any(character.isdecimal() for character in text) and not any(character.isalpha() for character in text)


def is_period(text: str) -> bool:
    """Whether it is a year, two as one ("2023/24"), a month or a day."""
    return _PERIOD.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether it can name a column in any case."""
    return bool(text) and not is_number(text)


def names_columns(row: Sequence[str], below: Sequence[str] | None) -> bool:
    """Whether the row is a header: several names, or names and figures of which one follows from the other.

    Figures are years or count on, and the row below has other ones.
    """
    filled = [text for text in row if text]
    figures = {at: text for at, text in enumerate(row) if text and is_number(text)}
    if not figures or len(filled) < LEAST_NAMES:
        return len(filled) >= LEAST_NAMES
    has_label = len(figures) < len(filled) or not row[0]
    under = [below[at] for at in figures if below is not None and at < len(below) and below[at]]
    if not under or len(set(figures.values())) < len(figures):
        return False
    if all(map(is_period, figures.values())):
        return (has_label or len(figures) > 1) and not all(map(is_period, under))
    return has_label and _count_on(list(figures.values())) and not _count_on(under)


def joined_header(rows: Iterable[Sequence[str]]) -> list[str]:
    """The rows of a header as one: "2023 / Q1"."""
    texts = list(rows)
    width = max(map(len, texts), default=0)
    columns = [[row[at] for row in texts if at < len(row) and row[at]] for at in range(width)]
    return [BETWEEN_HEADERS.join(dict.fromkeys(column)) for column in columns]


def goes_on(above: Sequence[str], row: Sequence[str], below: Sequence[str] | None, *, is_under_names: bool) -> bool:
    """Whether a row under one with names over several columns, which stand in each of them, belongs to the header.

    It does where it has names, none of them under a name of one column, and a cell above reaches into it
    (`is_under_names`), or its names come again ("Q1", "Q2", "Q1", "Q2"), or figures stand below them.
    """
    names = [text for text in row if text]
    if len(names) < LEAST_NAMES or not all(is_name(text) or is_period(text) for text in names):
        return False
    if any(row[at : at + 1] not in ([], [""], [above[at]]) for at in _single(above)):
        return False
    if is_under_names or len(set(names)) < len(names):
        return True
    return below is not None and any(name and is_number(text) for name, text in zip(row, below, strict=False))


def _single(row: Sequence[str]) -> list[int]:
    """Where the row has a text that does not come again beside it."""
    return [at for at, text in enumerate(row) if text and text not in (*row[at - 1 : at], *row[at + 1 : at + 2])]


def _count_on(figures: Sequence[str]) -> bool:
    """Whether whole numbers rise by the same step."""
    if len(figures) < LEAST_STEPS or not all(figure.isdecimal() for figure in figures):
        return False
    numbers = list(map(int, (figure[:LONGEST_FIGURE] for figure in figures)))
    step = numbers[1] - numbers[0]
    return step > 0 and all(after - before == step for before, after in pairwise(numbers))
