"""Where the characters of a page lie on its picture: kept compactly, and put together to the lines of a span. Pure."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WHOLE = 65_535
"""The width and the height of a page, in the units in which boxes are kept."""

EDGES = 4
MOST_RECTANGLES = 1_000
AS_WIDE = 0.9
"""Of a line that runs down the page all boxes are as wide, and lie below each other."""

SAME_LINE = 0.5
"""Two boxes are on one line if they share this much of the lower one's height."""

WIDEST_GAP = 3.0
"""Between two words of a line, in heights of the line; what is further off is another column."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a page: fractions of its width, from the left, and of its height, from the top."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


Boxes = Sequence[Rectangle | None]
"""For each character of a page's text its box; None for blanks and for what is not drawn."""


def boxes_packed(boxes: Boxes) -> bytes:
    """The boxes as they are kept: all left edges, then all upper, right and lower ones, in 16 bits each."""
    kept = [(0, 0, 0, 0) if one is None else _units(one) for one in boxes]
    edges = array("H", [box[edge] for edge in range(EDGES) for box in kept])
    return zlib.compress(_little_endian(edges).tobytes())


def boxes_unpacked(packed: bytes) -> list[Rectangle | None]:
    """What `boxes_packed` was given, to the nearest unit; nothing of nothing."""
    if not packed:
        return []
    edges = array("H", zlib.decompress(packed))
    number = len(edges) // EDGES
    each = _little_endian(edges)
    return [_rectangle(each[at::number]) for at in range(number)]


def rectangles_of(boxes: Boxes, start: int, end: int) -> list[Rectangle]:
    """The parts of the page that the characters from `start` to `end` cover, line by line, at most MOST_RECTANGLES."""
    lines: list[Rectangle] = []
    for box in _drawn(boxes, start, end):
        if lines and _continues(lines[-1], box):
            lines[-1] = _around(lines[-1], box)
        elif len(lines) == MOST_RECTANGLES:
            break
        else:
            lines.append(box)
    return lines


def _drawn(boxes: Boxes, start: int, end: int) -> Iterator[Rectangle]:
    return (box for box in boxes[max(start, 0) : max(end, 0)] if box is not None)


def _continues(line: Rectangle, box: Rectangle) -> bool:
    """Whether the box goes on where the line is, across the page or, as on a page that was turned, down it."""
    beside = max(box.left - line.right, line.left - box.right)
    below = max(box.top - line.bottom, line.top - box.bottom)
    if -below >= SAME_LINE * min(line.height, box.height):
        return beside <= WIDEST_GAP * max(line.height, box.height)
    is_as_wide = min(line.width, box.width) >= AS_WIDE * max(line.width, box.width)
    return is_as_wide and -beside >= AS_WIDE * box.width and below <= WIDEST_GAP * box.width


def _around(line: Rectangle, box: Rectangle) -> Rectangle:
    return Rectangle(
        min(line.left, box.left), min(line.top, box.top), max(line.right, box.right), max(line.bottom, box.bottom)
    )


def _units(box: Rectangle) -> tuple[int, int, int, int]:
    left, top, right, bottom = (
        min(WHOLE, max(0, round(edge * WHOLE))) for edge in (box.left, box.top, box.right, box.bottom)
    )
    return left, top, right, bottom


def _rectangle(edges: Sequence[int]) -> Rectangle | None:
    return Rectangle(*(edge / WHOLE for edge in edges)) if any(edges) else None


def _little_endian(edges: array[int]) -> array[int]:
    if sys.byteorder == "big":
        edges.byteswap()
    return edges
