"""The names of a table's columns: which columns each name above them is for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from apps.documents.parsing.pdf.figures import Figures, middle, touched
from apps.documents.parsing.pdf.letters import Piece
from apps.documents.parsing.pdf.tables import HeadCell

TIGHT = 0.5
"""A gap between the lines of one name, in heights of a row, at most."""

FURTHEST_OFF = 2.5
"""The middle of a name from that of its columns, in heights of a row; what is further off is a title of the whole."""

CENTRED = 2.5
"""Points by which what stands in the middle of the whole table is off it at most."""

WIDER = 1.5
"""Points that a name may be further off the middle for each column more that it is for."""


LONGEST_HEAD = 220
"""Characters of all names in all columns: it goes before each passage of the table."""


@dataclass(frozen=True, slots=True)
class _Named:
    """A name, and the columns that it is for."""

    piece: Piece
    columns: range


class Names:
    """The names of columns, put from the lowest to the highest."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures
        self._columns = list(figures.columns)
        self._named: list[_Named] = []

    def put(self, level: Sequence[Piece]) -> bool:
        """Put names that stand beside each other, from the left; none where one is a title rather than a name."""
        named = self._covering(level)
        if named is None:
            return False
        for one in named:
            if len(one.columns) == 1:
                left, right = self._columns[one.columns[0]]
                self._columns[one.columns[0]] = (min(left, one.piece.box.left), max(right, one.piece.box.right))
        self._named[:0] = named
        return True

    def is_for_several(self, piece: Piece) -> bool:
        """Whether what is printed there stands above several columns, or in the middle of all of them."""
        every = range(len(self._columns))
        is_central = len(every) > 1 and self._off(piece, every) < FURTHEST_OFF * self._figures.height
        return is_central or len(touched(self._columns, piece.box)) > 1

    def cells(self) -> list[HeadCell]:
        """For each column its names, from the highest to the lowest; lines of one name together.

        In a very long head a name over several columns stands in the first of them alone.
        """
        length = sum(len(one.columns) * (one.piece.end - one.piece.start) for one in self._named)
        columns: list[list[_Named]] = [[] for _ in self._columns]
        for one in self._named:
            for column in one.columns[:1] if length > LONGEST_HEAD else one.columns:
                columns[column].append(one)
        return [
            tuple(tuple(one.piece for one in same) for _, same in groupby(column, key=lambda one: one.columns))
            for column in columns
        ]

    def _covering(self, level: Sequence[Piece]) -> list[_Named] | None:
        """The names with their columns; None where one is off any."""
        nearest = [touched(self._columns, piece.box) for piece in level]
        options: list[list[range]] = []
        for at, piece in enumerate(level):
            wrapped = self._wrapped(piece)
            others = {column for other, columns in enumerate(nearest) if other != at for column in columns}
            if wrapped is not None or (self._is_lowest(nearest[at]) and len(level) > 1):
                options.append([wrapped or nearest[at]])
                continue
            options.append(list(self._wider(nearest[at], others)) or [nearest[at]])
            if self._is_title(piece, options[-1], is_alone=len(level) == 1):
                return None
        chosen = self._apart(level, options) or nearest
        return [_Named(piece, columns) for piece, columns in zip(level, chosen, strict=True)]

    def _wrapped(self, piece: Piece) -> range | None:
        """The columns of the name that goes on right below the piece."""
        room = TIGHT * self._figures.height
        below = [
            one.columns
            for one in self._named
            if piece.box.bottom - one.piece.box.top < room < piece.box.top - one.piece.box.bottom + room
            and one.piece.box.left < piece.box.right
            and piece.box.left < one.piece.box.right
        ]
        return range(min(one.start for one in below), max(one.stop for one in below)) if below else None

    def _is_lowest(self, nearest: range) -> bool:
        return not any(set(one.columns) & set(nearest) for one in self._named)

    def _wider(self, nearest: range, others: set[int]) -> Iterable[range]:
        """The columns that a name may be for: with those that it touches, without others' and parts of what stands below."""
        below = [set(one.columns) for one in self._named if len(one.columns) > 1]
        for first in range(nearest.start + 1):
            for last in range(nearest.stop, len(self._columns) + 1):
                columns = set(range(first, last))
                if not columns & others and all(columns >= one or not columns & one for one in below):
                    yield range(first, last)

    def _is_title(self, piece: Piece, options: Sequence[range], *, is_alone: bool) -> bool:
        whole = self._figures.whole
        if is_alone and whole is not None and abs(middle(whole) - middle(piece.box)) < CENTRED:
            return True
        return min(self._off(piece, columns) for columns in options) > FURTHEST_OFF * self._figures.height

    def _off(self, piece: Piece, columns: range) -> float:
        both = (self._columns[columns[0]][0], self._columns[columns[-1]][1])
        return abs(middle(both) - middle(piece.box))

    def _apart(self, level: Sequence[Piece], options: Sequence[Sequence[range]]) -> tuple[range, ...] | None:
        """The columns for each name, none for two, whose middles are nearest to the names'; None where that can't be."""
        best: dict[int, tuple[float, tuple[range, ...]]] = {0: (0.0, ())}
        for piece, mine in zip(level, options, strict=True):
            longer: dict[int, tuple[float, tuple[range, ...]]] = {}
            for stop, (cost, chosen) in best.items():
                for columns in mine:
                    total = cost + self._off(piece, columns) - WIDER * len(columns)
                    if columns.start >= stop and total < longer.get(columns.stop, (float("inf"), ()))[0]:
                        longer[columns.stop] = (total, (*chosen, columns))
            best = longer
        return min(best.values(), key=lambda one: one[0])[1] if best else None
