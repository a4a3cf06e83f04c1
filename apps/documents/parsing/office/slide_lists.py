"""The numbers of list items on slides (ECMA-376, part 1, sections 20.1.10.61 and 21.1.2.4.1)."""

from __future__ import annotations

import re

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.xml_elements import attribute, child

BULLET = "-"
MOST_DIGITS = 5
_SCHEME = re.compile(
    r"(arabic|alphaLc|alphaUc|romanLc|romanUc|circleNum|ea1)\w*?(Period|ParenR|ParenBoth|Minus|Plain)?"
)
_NOTATIONS = {
    "alphaLc": Numeral.LOWER_LETTER,
    "alphaUc": Numeral.UPPER_LETTER,
    "romanLc": Numeral.LOWER_ROMAN,
    "romanUc": Numeral.UPPER_ROMAN,
    "circleNum": Numeral.CIRCLED,
    "ea1": Numeral.HAN,
}
_AROUND = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Minus": "- {} -"}


class SlideList:
    """Counts the items of one text body, level by level."""

    def __init__(self, body: etree._Element | None) -> None:
        self._style = child(body, "lstStyle")
        self._counts: dict[int, tuple[str, int]] = {}

    def mark(self, properties: etree._Element | None, depth: int, *, by_default: bool) -> str:
        """What stands before the next paragraph: "2.", "-", or nothing."""
        own = self._own(properties, depth)
        numbers = child(own, "buAutoNum")
        self._counts = {
            level: count
            for level, count in self._counts.items()
            if level < depth or (level == depth and numbers is not None)
        }
        if numbers is not None:
            return self._number(numbers, depth)
        if child(own, "buNone") is not None:
            return ""
        return BULLET if by_default or child(own, "buChar") is not None else ""

    def _own(self, properties: etree._Element | None, depth: int) -> etree._Element | None:
        """The properties that say what the paragraph begins with: its own, or those of its level in the body."""
        is_said = any(child(properties, name) is not None for name in ("buNone", "buChar", "buAutoNum", "buBlip"))
        return properties if is_said else child(self._style, f"lvl{depth + 1}pPr")

    def _number(self, numbers: etree._Element, depth: int) -> str:
        scheme, start = attribute(numbers, "type"), attribute(numbers, "startAt")
        begin = f"{scheme} {start}"
        before, count = self._counts.get(depth, ("", 0))
        first = int(start) if start.isdecimal() and len(start) <= MOST_DIGITS else 1
        count = count + 1 if before == begin else first
        self._counts[depth] = (begin, count)
        found = _SCHEME.fullmatch(scheme)
        notation = _NOTATIONS.get(found[1], Numeral.DECIMAL) if found else Numeral.DECIMAL
        around = _AROUND.get(found[2] or "", "{}") if found else "{}."
        return around.format(numeral(count, notation))
