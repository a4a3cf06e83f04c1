"""What stands before the items of an HTML list: bullets, and numbers of every kind that begin, jump and fall as the page says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral

BULLET = "-"
_KINDS = {
    "1": Numeral.DECIMAL,
    "a": Numeral.LOWER_LETTER,
    "A": Numeral.UPPER_LETTER,
    "i": Numeral.LOWER_ROMAN,
    "I": Numeral.UPPER_ROMAN,
}
_STYLES = {
    "decimal": Numeral.DECIMAL,
    "decimal-leading-zero": Numeral.TWO_DIGITS,
    "lower-alpha": Numeral.LOWER_LETTER,
    "lower-latin": Numeral.LOWER_LETTER,
    "upper-alpha": Numeral.UPPER_LETTER,
    "upper-latin": Numeral.UPPER_LETTER,
    "lower-roman": Numeral.LOWER_ROMAN,
    "upper-roman": Numeral.UPPER_ROMAN,
    "lower-greek": Numeral.LOWER_GREEK,
    "cjk-decimal": Numeral.HAN,
    "simp-chinese-informal": Numeral.HAN,
    "trad-chinese-informal": Numeral.HAN,
    "cjk-ideographic": Numeral.HAN,
}
_UNNUMBERED = frozenset({"none", "disc", "circle", "square"})
_STYLE = re.compile(r"list-style(?:-type)?\s*:\s*(?P<names>[^;]*)", re.IGNORECASE)
LONGEST_NUMBER = 9


@dataclass(slots=True)
class ListNumbers:
    """The numbers of one list; without a `kind` it has bullets."""

    kind: Numeral | None
    next: int = 1
    step: int = 1

    def mark(self, item: etree._Element) -> str:
        """What stands before this item, which is the next."""
        if self.kind is None:
            return BULLET
        kind = _kind(item, otherwise=self.kind)
        number = _whole(item.get("value"))
        number = self.next if number is None else number
        self.next = number + self.step
        return BULLET if kind is None else f"{numeral(number, kind)}."


def numbers_of(element: etree._Element) -> ListNumbers:
    """The numbers of the items of `ol`, and the bullets of other lists."""
    if element.tag != "ol":
        return ListNumbers(None)
    is_reversed = element.get("reversed") is not None
    start = _whole(element.get("start"))
    if start is None:
        start = sum(1 for _ in element.iterchildren("li")) if is_reversed else 1
    return ListNumbers(_kind(element, otherwise=Numeral.DECIMAL), start, -1 if is_reversed else 1)


def _kind(element: etree._Element, *, otherwise: Numeral) -> Numeral | None:
    """How the element says that numbers are written; None for not at all."""
    found = _STYLE.search(element.get("style", ""))
    names = found["names"].lower().split() if found else ()
    if not _UNNUMBERED.isdisjoint(names):
        return None
    styled = next((_STYLES[name] for name in names if name in _STYLES), None)
    return styled or _KINDS.get(element.get("type", ""), otherwise)


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    is_number = (
        len(digits) <= LONGEST_NUMBER and digits.removeprefix("-").isascii() and digits.removeprefix("-").isdecimal()
    )
    return int(digits) if is_number else None
