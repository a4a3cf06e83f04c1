"""The numbers that Word puts before its paragraphs: "§ 1", "2.2", "(a)" (ECMA-376, part 1, section 17.9)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.symbols import bare_private
from apps.documents.parsing.xml_elements import attribute, child, children

LEVELS = 9
BULLET = "-"
MOST_DIGITS = 9
NO_NUMBER = frozenset({"none", "bullet"})
_PLACE = re.compile(r"%([1-9])")
_NOTATIONS = {
    "decimalZero": Numeral.TWO_DIGITS,
    "lowerLetter": Numeral.LOWER_LETTER,
    "upperLetter": Numeral.UPPER_LETTER,
    "lowerRoman": Numeral.LOWER_ROMAN,
    "upperRoman": Numeral.UPPER_ROMAN,
    "russianLower": Numeral.LOWER_RUSSIAN,
    "russianUpper": Numeral.UPPER_RUSSIAN,
    "ordinal": Numeral.ORDINAL,
    "decimalEnclosedCircle": Numeral.CIRCLED,
    "decimalEnclosedCircleChinese": Numeral.CIRCLED,
    "chineseCounting": Numeral.HAN,
    "chineseCountingThousand": Numeral.HAN,
    "japaneseCounting": Numeral.HAN,
    "taiwaneseCounting": Numeral.HAN,
    "taiwaneseCountingThousand": Numeral.HAN,
    "ideographDigital": Numeral.HAN,
    "decimalFullWidth": Numeral.FULL_WIDTH,
    "numberInDash": Numeral.DASHED,
}


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a list; `pattern` holds the levels' numbers as "%1" and so on."""

    start: int = 1
    notation: str = "decimal"
    pattern: str = "%1."
    restarts_after: int | None = None
    is_legal: bool = False


@dataclass(frozen=True, slots=True)
class _List:
    """A list, by the key of those that it counts together with; `starts` are the depths that begin anew with it."""

    key: str
    elements: Mapping[int, etree._Element]
    starts: Mapping[int, int]
    levels: dict[int, Level] = field(default_factory=dict)

    def level(self, depth: int) -> Level:
        """How this depth is numbered."""
        if depth not in self.levels:
            element = self.elements.get(depth)
            self.levels[depth] = Level(pattern=f"%{depth + 1}.") if element is None else _level(element)
        return self.levels[depth]

    def start(self, depth: int) -> int:
        """The number that the first paragraph at this depth has."""
        return self.starts.get(depth, self.level(depth).start)


class Numbering:
    """The lists of a document by their numbers, and how far each has counted.

    A document comes with more lists than it uses, and often with none that it uses: each is read when it is asked for.
    """

    def __init__(self, read_part: Callable[[], etree._Element | None]) -> None:
        self._read_part = read_part
        self._lists: dict[str, _List | None] = {}
        self._begun: set[str] = set()
        self._counts: dict[str, list[int | None]] = {}

    def mark(self, number: str, depth: int) -> str:
        """What stands before the next paragraph at this depth, from 0, of the list: "2.1", "-", or nothing."""
        is_new = number not in self._begun
        self._begun.add(number)
        found = self._list(number)
        if found is None:
            return BULLET
        depth = min(depth, LEVELS - 1)
        level = found.level(depth)
        counts = self._counted(found, depth, is_new=is_new)
        if level.notation == "bullet":
            return BULLET
        pattern = bare_private(level.pattern)
        return _PLACE.sub(lambda place: _shown(int(place[1]) - 1, found, counts, level), pattern).strip()

    def depth_of_style(self, number: str, style: str) -> int:
        """The depth at which the list has paragraphs of this style, from 0."""
        found = self._list(number)
        elements = found.elements if found is not None else {}
        return next((depth for depth, level in elements.items() if attribute(child(level, "pStyle")) == style), 0)

    @cached_property
    def _part(self) -> etree._Element | None:
        return self._read_part()

    def _list(self, number: str) -> _List | None:
        if number not in self._lists:
            self._lists[number] = _list_in(self._part, number)
        return self._lists[number]

    def _counted(self, found: _List, depth: int, *, is_new: bool) -> list[int | None]:
        counts = self._counts.setdefault(found.key, [None] * LEVELS)
        for at in found.starts if is_new else ():
            counts[at] = None
        before = counts[depth]
        counts[depth] = found.start(depth) if before is None else before + 1
        for below in range(depth + 1, LEVELS):
            if counts[below] is not None:
                after = found.level(below).restarts_after
                counts[below] = counts[below] if after is not None and depth >= after else None
        return counts


def _list_in(root: etree._Element | None, number: str) -> _List | None:
    entry = next((entry for entry in children(root, "num") if attribute(entry, "numId") == number), None)
    if entry is None:
        return None
    abstract = _abstract(root, attribute(child(entry, "abstractNumId")))
    overrides = list(children(entry, "lvlOverride"))
    levels = {_depth(level): level for holder in (abstract, *overrides) for level in children(holder, "lvl")}
    starts = {_depth(override): start for override in overrides if (start := _start(override)) is not None}
    return _List(attribute(abstract, "abstractNumId"), levels, starts)


def _abstract(root: etree._Element | None, key: str) -> etree._Element | None:
    """The definition with this key, or the one of the style that it refers to."""
    found = next((entry for entry in children(root, "abstractNum") if attribute(entry, "abstractNumId") == key), None)
    link = attribute(child(found, "numStyleLink"))
    linked = (entry for entry in children(root, "abstractNum") if attribute(child(entry, "styleLink")) == link)
    return next(linked, found) if link else found


def _level(element: etree._Element) -> Level:
    restart = attribute(child(element, "lvlRestart"))
    legal = child(element, "isLgl")
    return Level(
        start=_whole(attribute(child(element, "start")), default=1),
        notation=attribute(child(element, "numFmt")) or "decimal",
        pattern=attribute(child(element, "lvlText")),
        restarts_after=_whole(restart, default=0) if restart else None,
        is_legal=legal is not None and attribute(legal) not in {"0", "false"},
    )


def _depth(element: etree._Element) -> int:
    return min(_whole(attribute(element, "ilvl"), default=0), LEVELS - 1)


def _start(override: etree._Element) -> int | None:
    given = child(override, "startOverride")
    return None if given is None else _whole(attribute(given), default=1)


def _whole(text: str, *, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else default


def _shown(at: int, found: _List, counts: list[int | None], shown_by: Level) -> str:
    level = found.level(at)
    if level.notation in NO_NUMBER:
        return ""
    count = counts[at]
    number = found.start(at) if count is None else count
    notation = Numeral.DECIMAL if shown_by.is_legal else _NOTATIONS.get(level.notation, Numeral.DECIMAL)
    return numeral(number, notation, repeats_letters=True)
