"""Tables of RTF documents: rows whose cells say where their right edges are, and which of them are one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.documents.parsing.building import table_row
from apps.documents.parsing.tabular.spans import MOST_REPEATED, Cell, is_caption, table_rows

# Edges that are nearer than this are one, in twentieths of a point.
NEAR = 30


@dataclass(frozen=True, slots=True)
class _Edge:
    """What is declared of a cell before its row: its right edge, and whether it belongs to the one before or above."""

    right: int
    joins_left: bool
    joins_above: bool


@dataclass(slots=True)
class RtfTable:
    """The rows of the table so far."""

    rows: list[tuple[list[str], list[_Edge]]] = field(default_factory=list)
    headers: int = 0
    cells: list[str] = field(default_factory=list)
    edges: list[_Edge] = field(default_factory=list)
    is_header: bool = False
    joins_left: bool = False
    joins_above: bool = False

    def begin_row(self) -> None:
        """What is declared from here on is about the next row."""
        self.edges = []
        self.is_header = self.joins_left = self.joins_above = False

    def edge(self, right: int) -> None:
        """The right edge of the next cell, which ends what is declared of it."""
        self.edges.append(_Edge(right, self.joins_left, self.joins_above))
        self.joins_left = self.joins_above = False

    def cell(self, text: str) -> None:
        """The words of the next cell."""
        self.cells.append(text)

    def end_row(self) -> None:
        """The cells so far are a row."""
        if any(self.cells):
            self.headers += self.is_header and self.headers == len(self.rows)
            self.rows.append((self.cells, self.edges))
        self.cells = []

    def take(self) -> list[str]:
        """The lines of the table, which ends here."""
        if not self.rows:
            return []
        grid = _grid([edge.right for _, edges in self.rows for edge in edges])
        rows = [_row(texts, edges, grid) for texts, edges in self.rows]
        captions = []
        while len(rows) > 1 and is_caption(rows[0]):
            captions.append(rows.pop(0)[0].text)
        lines = [table_row(texts) for texts in table_rows(rows, declared=self.headers - len(captions))]
        self.rows, self.headers = [], 0
        return [*captions, *lines]


def _grid(edges: Sequence[int]) -> list[int]:
    """The edges of all rows in order, each once."""
    grid: list[int] = []
    for edge in sorted(set(edges)):
        if not grid or edge - grid[-1] > NEAR:
            grid.append(edge)
    return grid


def _row(texts: Sequence[str], edges: Sequence[_Edge], grid: Sequence[int]) -> list[Cell]:
    cells: list[Cell] = []
    before = -1
    for at, text in enumerate(texts):
        if at >= len(edges):
            cells.append(Cell(text))
            continue
        edge = edges[at]
        column = bisect_left(grid, edge.right - NEAR)
        columns = min(max(column - before, 1), MOST_REPEATED)
        before = max(column, before)
        if edge.joins_left and cells:
            cells[-1] = Cell(cells[-1].text, cells[-1].columns + columns, cells[-1].continues)
        else:
            cells.append(Cell(text, columns, continues=edge.joins_above))
    return cells
