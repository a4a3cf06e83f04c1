"""The numbers that Word puts before its paragraphs: "§ 1", "2.2", "(a)" (ECMA-376, part 1, section 17.9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.office.symbols import bare_private
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
    style: str = ""


_ANY = Level()


@dataclass(frozen=True, slots=True)
class _List:
    """The levels of a list, and the one it counts together with; `starts` are the levels that begin anew with it."""

    key: str
    levels: Mapping[int, Level]
    starts: Mapping[int, int]

    def start(self, depth: int) -> int:
        """The number that the first paragraph at this depth has."""
        return self.starts.get(depth, self.levels.get(depth, _ANY).start)


@dataclass(slots=True)
class Numbering:
    """The lists of a document by their numbers, and how far each has counted."""

    lists: Mapping[str, _List]
    counts: dict[str, list[int | None]] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    def mark(self, number: str, depth: int) -> str:
        """What stands before the next paragraph at this depth, from 0, of the list: "2.1", "-", or nothing."""
        found = self.lists.get(number)
        if found is None:
            return BULLET
        depth = min(depth, LEVELS - 1)
        level = found.levels.get(depth, Level(pattern=f"%{depth + 1}."))
        counts = self._counted(number, found, depth)
        if level.notation == "bullet":
            return BULLET
        return _PLACE.sub(
            lambda place: _shown(int(place[1]) - 1, found, counts, level), bare_private(level.pattern)
        ).strip()

    def depth_of_style(self, number: str, style: str) -> int:
        """The depth at which the list has paragraphs of this style, from 0."""
        levels = self.lists[number].levels if number in self.lists else {}
        return next((depth for depth, level in levels.items() if level.style == style), 0)

    def _counted(self, number: str, found: _List, depth: int) -> list[int | None]:
        counts = self.counts.setdefault(found.key, [None] * LEVELS)
        if number not in self.begun:
            self.begun.add(number)
            for at in found.starts:
                counts[at] = None
        before = counts[depth]
        counts[depth] = found.start(depth) if before is None else before + 1
        for below in range(depth + 1, LEVELS):
            after = found.levels.get(below, _ANY).restarts_after
            if after is None or depth < after:
                counts[below] = None
        return counts


def read_numbering(root: etree._Element | None) -> Numbering:
    """The lists in the numbering part; without one, there are none."""
    abstracts = {attribute(entry, "abstractNumId"): entry for entry in children(root, "abstractNum")}
    by_style = {attribute(child(entry, "styleLink")): entry for entry in abstracts.values()}
    lists = {}
    for entry in children(root, "num"):
        abstract = abstracts.get(attribute(child(entry, "abstractNumId")))
        link = attribute(child(abstract, "numStyleLink"))
        abstract = by_style.get(link, abstract) if link else abstract
        overrides = list(children(entry, "lvlOverride"))
        levels = dict(_levels(abstract)) | {
            depth: level for override in overrides for depth, level in _levels(override)
        }
        starts = {_depth(override): start for override in overrides if (start := _start(override)) is not None}
        lists[attribute(entry, "numId")] = _List(attribute(abstract, "abstractNumId"), levels, starts)
    return Numbering(lists)


def _levels(holder: etree._Element | None) -> Iterator[tuple[int, Level]]:
    for level in children(holder, "lvl"):
        restart = attribute(child(level, "lvlRestart"))
        text = child(level, "lvlText")
        yield (
            _depth(level),
            Level(
                start=_whole(attribute(child(level, "start")), default=1),
                notation=attribute(child(level, "numFmt")) or "decimal",
                pattern=attribute(text) if text is not None else "",
                restarts_after=_whole(restart, default=0) if restart else None,
                is_legal=child(level, "isLgl") is not None and attribute(child(level, "isLgl")) not in {"0", "false"},
                style=attribute(child(level, "pStyle")),
            ),
        )


def _depth(element: etree._Element) -> int:
    return min(_whole(attribute(element, "ilvl"), default=0), LEVELS - 1)


def _start(override: etree._Element) -> int | None:
    given = child(override, "startOverride")
    return None if given is None else _whole(attribute(given), default=1)


def _whole(text: str, *, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else default


def _shown(at: int, found: _List, counts: list[int | None], shown_by: Level) -> str:
    level = found.levels.get(at, _ANY)
    if level.notation in NO_NUMBER:
        return ""
    count = counts[at]
    number = found.start(at) if count is None else count
    notation = Numeral.DECIMAL if shown_by.is_legal else _NOTATIONS.get(level.notation, Numeral.DECIMAL)
    return numeral(number, notation, repeats_letters=True)
