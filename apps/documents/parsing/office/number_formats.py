"""How a spreadsheet shows its numbers: as dates, times, percentages or plainly (ECMA-376, part 1, section 18.8.30)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from lxml import etree

from apps.documents.parsing.xml_elements import attribute, child, children

# The day that is number 0; that 1900 was no leap year makes it a day earlier than it was meant to be.
FIRST_DAY = datetime(1899, 12, 30)
FIRST_DAY_1904 = datetime(1904, 1, 1)
LAST_DAY = 2_958_465
PRECISE_DIGITS = 15
BUILT_IN_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
BUILT_IN_PERCENTAGES = frozenset({9, 10})
# Quoted or escaped characters, padding, and conditions, colours or elapsed times in brackets.
_NOT_CODES = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_DATE_CODES = re.compile(r"[ymdhs]", re.IGNORECASE)


class NumberKind(Enum):
    PLAIN = auto()
    PERCENTAGE = auto()
    DATE = auto()


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """What kind of number each cell style shows, by the style's index."""

    kinds: tuple[NumberKind, ...]
    first_day: datetime

    def shown(self, value: str, *, style: str) -> str:
        """The stored number as a reader sees it: dates by ISO 8601, plain numbers with at most 15 digits."""
        try:
            number = float(value)
        except ValueError:
            return value
        match self._kind(style):
            case NumberKind.DATE if 0 <= number <= LAST_DAY:
                return _date(self.first_day, number)
            case NumberKind.PERCENTAGE:
                return f"{number * 100:.10g}%"
            case _:
                return value if len(value) <= PRECISE_DIGITS else f"{number:.{PRECISE_DIGITS}g}"

    def _kind(self, style: str) -> NumberKind:
        return self.kinds[int(style)] if style.isdecimal() and int(style) < len(self.kinds) else NumberKind.PLAIN


def read_number_formats(styles: etree._Element | None, *, is_from_1904: bool) -> NumberFormats:
    """The formats in a workbook's styles part; without one, every number is plain."""
    formats = children(child(styles, "numFmts"), "numFmt")
    codes = {attribute(entry, "numFmtId"): attribute(entry, "formatCode") for entry in formats}
    return NumberFormats(tuple(_kinds(styles, codes)), FIRST_DAY_1904 if is_from_1904 else FIRST_DAY)


def _kinds(styles: etree._Element | None, codes: dict[str, str]) -> Iterator[NumberKind]:
    for style in children(child(styles, "cellXfs"), "xf"):
        key = attribute(style, "numFmtId")
        yield _kind_of_code(codes[key]) if key in codes else _built_in_kind(int(key) if key.isdecimal() else 0)


def _built_in_kind(number: int) -> NumberKind:
    if number in BUILT_IN_DATES:
        return NumberKind.DATE
    return NumberKind.PERCENTAGE if number in BUILT_IN_PERCENTAGES else NumberKind.PLAIN


def _kind_of_code(code: str) -> NumberKind:
    bare = _NOT_CODES.sub("", code)
    if "%" in bare:
        return NumberKind.PERCENTAGE
    return NumberKind.DATE if _DATE_CODES.search(bare.replace("General", "")) else NumberKind.PLAIN


def _date(first_day: datetime, number: float) -> str:
    moment = first_day + timedelta(seconds=round(number * 86_400))
    if number < 1:
        return moment.strftime("%H:%M:%S")
    # strftime leaves out the zeros of early years on some systems.
    return moment.date().isoformat() if number == int(number) else moment.isoformat(sep=" ")
