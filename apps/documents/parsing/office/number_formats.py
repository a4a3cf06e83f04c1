"""How a workbook shows its numbers: by the formats of its cell styles (ECMA-376, part 1, section 18.8.30)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from lxml import etree

from apps.documents.parsing.office.number_codes import NumberCode, read_code
from apps.documents.parsing.xml_elements import attribute, child, children

# The day that is number 0; that 1900 was no leap year makes it a day earlier than it was meant to be.
FIRST_DAY = datetime(1899, 12, 30)
FIRST_DAY_1904 = datetime(1904, 1, 1)
PRECISE_DIGITS = 15
# What the numbers below 164 mean, where the workbook doesn't say it; those of East Asia are dates, too.
BUILT_IN: Mapping[int, str] = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    **dict.fromkeys((14, *range(27, 32), 36, *range(50, 55), 57, 58), "yyyy-mm-dd"),
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    **dict.fromkeys((20, 32, 34, 55), "h:mm"),
    **dict.fromkeys((21, 33, 35, 56), "h:mm:ss"),
    22: "yyyy-mm-dd h:mm",
    **dict.fromkeys((37, 38), "#,##0;-#,##0"),
    **dict.fromkeys((39, 40), "#,##0.00;-#,##0.00"),
    41: "#,##0;-#,##0;-",
    42: "$#,##0;-$#,##0;-",
    43: "#,##0.00;-#,##0.00;-",
    44: "$#,##0.00;-$#,##0.00;-",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
}


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """The format of each cell style, by the style's index; None for plain numbers."""

    codes: tuple[NumberCode | None, ...]
    first_day: datetime
    by_style: dict[str, NumberCode | None] = field(default_factory=dict)

    def shown(self, value: str, *, style: str) -> str:
        """The stored number as a reader sees it; a whole date by ISO 8601, a plain number with at most 15 digits."""
        code = self._code(style)
        if code is None and len(value) <= PRECISE_DIGITS:
            return value
        try:
            number = float(value)
            shown = code.number(number, first_day=self.first_day) if code is not None else None
        except (ValueError, OverflowError):
            return value
        return shown if shown is not None else plain(value, number)

    def shown_text(self, text: str, *, style: str) -> str:
        """A text as a reader sees it: some formats put words around it."""
        code = self._code(style)
        return text if code is None else code.text(text)

    def _code(self, style: str) -> NumberCode | None:
        if style not in self.by_style:
            is_known = style.isdecimal() and int(style) < len(self.codes)
            self.by_style[style] = self.codes[int(style)] if is_known else None
        return self.by_style[style]


def plain(value: str, number: float) -> str:
    """The number without a format: as it is stored, with at most 15 digits."""
    return value if len(value) <= PRECISE_DIGITS else f"{number:.{PRECISE_DIGITS}g}"


def read_number_formats(styles: etree._Element | None, *, is_from_1904: bool) -> NumberFormats:
    """The formats in a workbook's styles part; without one, every number is plain."""
    formats = children(child(styles, "numFmts"), "numFmt")
    given = {attribute(entry, "numFmtId"): attribute(entry, "formatCode") for entry in formats}
    keys = [attribute(style, "numFmtId") for style in children(child(styles, "cellXfs"), "xf")]
    codes = tuple(_code(given[key] if key in given else _built_in(key)) for key in keys)
    return NumberFormats(codes, FIRST_DAY_1904 if is_from_1904 else FIRST_DAY)


_code = lru_cache(maxsize=256)(read_code)


def _built_in(key: str) -> str:
    return BUILT_IN.get(int(key), "") if key.isdecimal() else ""
