"""Which cells of a table are figures, and where on the page their columns and labels stand. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from statistics import median

from apps.documents.parsing.pdf.letters import Box, Interval, Piece
from apps.documents.parsing.pdf.tables import Cells, said
from apps.documents.parsing.tabular.headers import is_period

FEWEST_FIGURES = 0.6
"""Of the cells beside the labels at least are figures in a table of figures."""

TELLING_ROWS = 60
"""The first rows of a table that have something in a column tell where it is."""

MOST_OVER_LABELS = 2.0
"""A name of a column may reach over labels by so many heights of a row."""

FURTHEST_RIGHT = 3.0
"""What names the last column may reach out to the right of it by so many heights of a row."""

LONGEST_FIGURE = 40
_LETTER = re.compile(r"[^\W\d_]")
_NIL = re.compile(r"(?:n/?a|n/?m|n\.\s?[am]\.|nil|nmf?)\W*", re.IGNORECASE)
# "12.4x", "80 bps", "1,234 (a)": letters that don't make a name of a figure.
_MEASURED = re.compile(r"[^\w]*\d[\d.,\s]*(?:x|bps?|pts?|pp)\W*", re.IGNORECASE)
_NOTE = re.compile(r"(?<=[\w%—–)])\s*\(\w{1,2}\)\s*\Z")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\.?")
_NOTHING = re.compile(r"[^\w]*[—–−-][^\w]*")


@lru_cache(maxsize=4_096)
def is_figure(text: str) -> bool:
    """Whether it is a number, or a sign for none; years and dates are names."""
    if len(text) > LONGEST_FIGURE:
        return False
    text = _NOTE.sub("", text)
    if _LETTER.search(text):
        return _NIL.fullmatch(text) is not None or _MEASURED.fullmatch(text) is not None
    if any(map(str.isdecimal, text)):
        return not (is_period(text) or _DATE.fullmatch(text))
    return _NOTHING.fullmatch(text) is not None


class Stand(Enum):
    """Where a piece stands."""

    LABEL = "beside the figures"
    NAME = "above figures"
    ACROSS = "above both"


@dataclass(frozen=True, slots=True)
class Figures:
    """The columns of a table's figures, the place of the labels to the left of them, if there are any, and its first row.

    `kept` are the numbers of these columns among those of the table: one that has nothing but a head is none.
    """

    columns: tuple[Interval, ...]
    kept: tuple[int, ...]
    labels: Interval | None
    top: float
    height: float

    @property
    def whole(self) -> Interval | None:
        """The width of the table, where it has labels."""
        return (self.labels[0], self.columns[-1][1]) if self.labels is not None else None

    def kept_of(self, rows: Sequence[Cells]) -> tuple[Cells, ...]:
        """The rows with their labels and these columns."""
        kept = (0, *self.kept) if self.labels is not None else self.kept
        return tuple(Cells(tuple(row.cells[at] for at in kept)) for row in rows)

    def stand(self, box: Box) -> Stand:
        """Where what is printed there stands; what names columns may reach a little over long labels."""
        if self.labels is None:
            return Stand.NAME if len(self.touched(box)) == 1 else Stand.ACROSS
        over = self.labels[1] - box.left
        if over > MOST_OVER_LABELS * self.height or over > (box.right - box.left) / 2:
            return Stand.LABEL if box.right <= self.columns[0][0] else Stand.ACROSS
        is_inside = box.right < self.columns[-1][1] + FURTHEST_RIGHT * self.height
        return Stand.NAME if is_inside else Stand.ACROSS

    def touched(self, box: Box) -> range:
        """The columns that stand below what is printed there, and at least the nearest one."""
        return touched(self.columns, box)


def touched(columns: Sequence[Interval], box: Box) -> range:
    """Which of the columns stand below what is printed there, and at least the nearest one."""
    left, right = box.left, box.right
    below = [at for at, (start, end) in enumerate(columns) if start < right and left < end]
    if not below:
        below = [min(range(len(columns)), key=lambda at: abs(middle(columns[at]) - middle(box)))]
    return range(below[0], below[-1] + 1)


def middle(part: Interval | Box) -> float:
    """The middle of a part of the page's width."""
    return (part.left + part.right) / 2 if isinstance(part, Box) else (part[0] + part[1]) / 2


def first_figures(rows: Sequence[Cells], text: str) -> int | None:
    """The first row with figures beside its label; None where the table is none of figures."""
    texts = [[said(cell, text) for cell in row.cells[1:]] for row in rows[:TELLING_ROWS]]
    are_figures = [[is_figure(one) for one in row if one] for row in texts]
    first = next((at for at, row in enumerate(are_figures) if any(row)), None)
    filled = [one for row in are_figures[first:] for one in row]
    return first if sum(filled) > FEWEST_FIGURES * len(filled) else None


def figures_of(rows: Sequence[Cells], text: str) -> Figures:
    """The columns of rows of which the first has figures."""
    full = [row for row in rows if not row.is_label and any(row.cells[1:])]
    first = [said(row.cells[0], text) for row in full if row.cells[0]]
    has_labels = not first or sum(map(is_figure, first)) * 2 < len(first)
    boxes = [piece.box for cell in rows[0].cells for piece in cell]
    extents = [_extent([row.cells[at] for row in full], text) for at in range(has_labels, len(rows[0].cells))]
    kept = tuple(at for at, one in enumerate(extents, start=has_labels) if one)
    beside = [piece.box for row in full if row.cells[kept[0]] for piece in row.cells[0]] or boxes[:1]
    return Figures(
        columns=tuple(one for one in extents if one),
        kept=kept,
        labels=(min(box.left for box in beside), max(box.right for box in beside)) if has_labels else None,
        top=max(box.top for box in boxes),
        height=median(box.height for box in boxes),
    )


def _extent(column: Sequence[Sequence[Piece]], text: str) -> Interval | None:
    """The width that a column's figures take, or else all that is in it."""
    filled = [cell for cell in column if cell][:TELLING_ROWS]
    figures = [cell for cell in filled if is_figure(said(cell, text))] or filled
    boxes = [piece.box for cell in figures for piece in cell]
    return (min(box.left for box in boxes), max(box.right for box in boxes)) if boxes else None
