"""What stands before the items of an HTML list: bullets, and numbers of every kind that begin, jump and fall as the page says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

BULLET = "-"
_STYLE = re.compile(
    r"list-style(?:-type)?\s*:\s*[^;]*?\b(none|disc|circle|square|(?:lower|upper)-(?:alpha|latin|roman))\b"
)
_STYLES = {
    "lower-alpha": "a",
    "lower-latin": "a",
    "upper-alpha": "A",
    "upper-latin": "A",
    "lower-roman": "i",
    "upper-roman": "I",
}
_UNNUMBERED = frozenset({"none", "disc", "circle", "square"})
_ROMAN = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")),
    *((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
HIGHEST_ROMAN = 3_999
LONGEST_NUMBER = 9


@dataclass(slots=True)
class ListNumbers:
    """The numbers of one list; `kind` is "" without numbers, else "1", "a", "A", "i" or "I" as in HTML."""

    kind: str
    next: int = 1
    step: int = 1

    def mark(self, item: etree._Element) -> str:
        """What stands before this item, which is the next."""
        kind = _style(item) if self.kind and item.get("style") else self.kind
        kind = _kind(item) or kind if self.kind else ""
        number = _whole(item.get("value"))
        if number is None:
            number = self.next
        self.next = number + self.step
        return f"{numeral(number, kind)}." if kind else BULLET


def numbers_of(element: etree._Element) -> ListNumbers:
    """The numbers of the items of `ol`, and the bullets of other lists."""
    if element.tag != "ol":
        return ListNumbers("")
    is_reversed = element.get("reversed") is not None
    start = _whole(element.get("start"))
    if start is None:
        start = sum(1 for _ in element.iterchildren("li")) if is_reversed else 1
    return ListNumbers(_kind(element) or _style(element), start, -1 if is_reversed else 1)


def numeral(number: int, kind: str) -> str:
    """The number in digits ("1"), letters ("a", "A") or Roman figures ("i", "I"); in digits where these have none."""
    lower = kind.lower()
    if lower == "a" and number > 0:
        text = _letters(number)
    elif lower == "i" and 0 < number <= HIGHEST_ROMAN:
        text = _roman(number)
    else:
        return str(number)
    return text.upper() if kind.isupper() else text


def _kind(element: etree._Element) -> str:
    kind = element.get("type", "")
    return kind if kind in {"1", "a", "A", "i", "I"} else ""


def _style(element: etree._Element) -> str:
    found = _STYLE.search(element.get("style", ""))
    return "" if found and found[1] in _UNNUMBERED else _STYLES.get(found[1], "1") if found else "1"


def _whole(text: str | None) -> int | None:
    digits = (text or "").strip()
    is_number = (
        len(digits) <= LONGEST_NUMBER and digits.removeprefix("-").isascii() and digits.removeprefix("-").isdecimal()
    )
    return int(digits) if is_number else None


def _letters(number: int) -> str:
    text = ""
    while number:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def _roman(number: int) -> str:
    text = ""
    for value, figures in _ROMAN:
        count, number = divmod(number, value)
        text += figures * count
    return text
