"""What stands in the margins of many pages: running heads, and page numbers. Pure.

It says where in the file one is rather than what the page says, and a passage would be found by it on every page. So it is left
out of the text: numbers that count the pages, and lines that say the same in the same place, but for where they come first.
A line that is larger than the page's text is a heading, whatever comes again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

MOST_IN_MARGIN = 4
"""Lines at the top or the bottom of a page that may be in its margin."""

FEWEST_PAGES = 3
FEWEST_OF_ALL = 0.25
"""Of the pages that have the same line: then it is on many of them."""

FEWEST_IN_A_ROW = 6
FEWEST_AMONG = 0.45
"""Of the pages from the first to the last that have it: right and left pages may have their own."""

SAME_PLACE = 3.0
"""Points between the heights of lines that are in the same place."""

LARGEST = 1.15
"""The size of a running head, in sizes of the page's text."""

LONGEST_NUMBER = 40
LONGEST = 150
NUMBER = re.compile(
    r"[-–—|·.\s]*(?:page|seite|p\.|s\.|pagina|página|página|strana|sivu|str\.)?\s*"
    r"(?P<number>\d{1,5}|(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3}))"
    r"(?:\s*(?:/|of|von|de|di|sur|van|av|\|)\s*\d{1,5})?[-–—|·.\s]*",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d{1,9}")
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class Standing(NamedTuple):
    """Where a line stands: the height of its middle on the page, and the size of its letters, in points."""

    middle: float
    size: float


@dataclass(frozen=True, slots=True)
class Margins:
    """The lines at the top and the bottom of a page by their numbers, and the usual size of the page's letters."""

    lines: Mapping[int, Standing] = field(default_factory=dict)
    size: float = 0.0


class _Edge(NamedTuple):
    """A line in the margin of a page."""

    page: int
    line: int
    middle: float


def furniture_of(pages: Sequence[Sequence[str]], margins: Sequence[Margins]) -> list[frozenset[int]]:
    """For each page the numbers of its lines that are left out of the text; never all of them."""
    numbers: dict[int, list[_Edge]] = defaultdict(list)
    words: dict[str, list[_Edge]] = defaultdict(list)
    usual = median([margin.size for margin in margins if margin.size] or [0.0])
    for at, (lines, margin) in enumerate(zip(pages, margins, strict=True)):
        for edge, line, number in _edges(at, lines, margin, usual):
            if number is not None:
                numbers[number - at].append(edge)
            else:
                for key in _keys(line, at):
                    words[key].append(edge)
    again = {edge[:2] for edges in numbers.values() if _are_dense(_pages(edges), FEWEST_PAGES) for edge in edges}
    first: set[tuple[int, int]] = set()
    for edges in words.values():
        for same in _in_one_place(edges):
            if _are_many(_pages(same), len(pages)):
                again.update(edge[:2] for edge in same)
                first.add(min(same)[:2])
    return [_outermost(at, len(lines), again, first) for at, lines in enumerate(pages)]


def page_number(line: str) -> int | None:
    """The number that is all that a line says, as an integer."""
    found = NUMBER.fullmatch(line) if len(line) <= LONGEST_NUMBER else None
    if found is None:
        return None
    number = found["number"]
    return int(number) if number.isdecimal() else _roman(number.lower())


def _roman(number: str) -> int:
    values = [_ROMAN[letter] for letter in number]
    return sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True))


def _edges(at: int, lines: Sequence[str], margin: Margins, usual: float) -> Iterator[tuple[_Edge, str, int | None]]:
    """The lines in a page's margins that may be furniture, and the number that is all that one says."""
    largest = LARGEST * max(usual, margin.size)
    for line, standing in margin.lines.items():
        number = page_number(lines[line])
        if number is not None or (len(lines[line]) <= LONGEST and standing.size <= largest):
            yield _Edge(at, line, standing.middle), " ".join(lines[line].split()), number


def _keys(line: str, at: int) -> set[str]:
    """What the line says, and what it says where its first or its last number counts the pages."""
    line = line.casefold()
    digits = [match.span() for match in _DIGITS.finditer(line)]
    counting = {
        f"{line[:start]}#{int(line[start:end]) - at}#{line[end:]}" for start, end in (*digits[:1], *digits[-1:])
    }
    return {line, *counting}


def _in_one_place(edges: Sequence[_Edge]) -> Iterator[list[_Edge]]:
    """The edges by the heights at which they stand."""
    ordered = sorted(edges, key=lambda edge: edge.middle)
    same = ordered[:1]
    for edge in ordered[1:]:
        if edge.middle - same[-1].middle > SAME_PLACE:
            yield same
            same = []
        same.append(edge)
    yield same


def _pages(edges: Iterable[_Edge]) -> set[int]:
    return {edge.page for edge in edges}


def _are_many(pages: set[int], number: int) -> bool:
    is_share = len(pages) >= max(FEWEST_PAGES, FEWEST_OF_ALL * number)
    return is_share or _are_dense(pages, FEWEST_IN_A_ROW)


def _are_dense(pages: set[int], fewest: int) -> bool:
    return len(pages) >= fewest and len(pages) >= FEWEST_AMONG * (max(pages) - min(pages) + 1)


def _outermost(page: int, length: int, again: set[tuple[int, int]], first: set[tuple[int, int]]) -> frozenset[int]:
    """The lines from the page's edges inwards that come again, but for what comes first; none where nothing else is there."""
    top = next((at for at in range(length) if (page, at) not in again), length)
    bottom = next((at for at in reversed(range(length)) if (page, at) not in again), -1)
    if top == length:
        return frozenset()
    return frozenset(at for at in (*range(top), *range(bottom + 1, length)) if (page, at) not in first)
