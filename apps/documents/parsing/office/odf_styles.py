"""What the styles of an OpenDocument file say: raised and lowered text, typefaces of signs, and how lists are numbered.

ISO/IEC 26300, part 3, sections 16 and 20.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.scripts import Script
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children

BULLET = "-"
LEVELS = 10
MOST_DIGITS = 9
LEVEL_KINDS = frozenset({"list-level-style-number", "outline-level-style"})
_FORMATS = {
    "1": Numeral.DECIMAL,
    "a": Numeral.LOWER_LETTER,
    "A": Numeral.UPPER_LETTER,
    "i": Numeral.LOWER_ROMAN,
    "I": Numeral.UPPER_ROMAN,
    "α": Numeral.LOWER_GREEK,
    "а": Numeral.LOWER_RUSSIAN,
    "А": Numeral.UPPER_RUSSIAN,
    "①": Numeral.CIRCLED,
    "一": Numeral.HAN,
    "1st": Numeral.ORDINAL,
    "01": Numeral.TWO_DIGITS,
}
# Of all styles, so it is asked for by its whole name.
_NAME = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}name"
_PLACE = re.compile(r"%(\d{1,2})%")


@dataclass(frozen=True, slots=True)
class Look:
    """How a style shows text."""

    script: Script = Script.LEVEL
    font: str = ""
    is_hidden: bool = False


PLAIN = Look()


@dataclass(frozen=True, slots=True)
class ListLevel:
    """How one level of a list is marked; `notation` is None for one without a number."""

    notation: Numeral | None
    is_bullet: bool = False
    prefix: str = ""
    suffix: str = ""
    shown_levels: int = 1
    start: int = 1
    pattern: str = ""
    repeats_letters: bool = False


@dataclass(slots=True)
class Styles:
    """The styles by their names; each is looked into when it is asked for."""

    text_styles: Mapping[str, etree._Element]
    list_styles: Mapping[str, etree._Element]
    outline: etree._Element | None
    fonts: Mapping[str, str]
    looks: dict[str, Look] = field(default_factory=dict)
    levels: dict[tuple[str, int], ListLevel | None] = field(default_factory=dict)

    def look(self, name: str) -> Look:
        """How the style, or one that it inherits from, shows text."""
        if name not in self.looks:
            self.looks[name] = self._look(name)
        return self.looks[name]

    def list_of_paragraph(self, name: str) -> str:
        """The list style that a paragraph style belongs to; "" without one."""
        return next((found for style in self._chain(name) if (found := attribute(style, "list-style-name"))), "")

    def list_level(self, name: str, depth: int) -> ListLevel | None:
        """How the list style marks the depth, from 0; None where it says nothing. The style "" is that of headings."""
        key = (name, depth)
        if key not in self.levels:
            holder = self.list_styles.get(name) if name else self.outline
            levels = [] if holder is None else [one for one in holder if attribute(one, "level") == str(depth + 1)]
            self.levels[key] = _level(levels[0]) if levels else None
        return self.levels[key]

    def _look(self, name: str) -> Look:
        properties = [found for style in self._chain(name) if (found := child(style, "text-properties")) is not None]
        positions = (_script(attribute(found, "text-position")) for found in properties)
        fonts = (attribute(found, "font-name") or attribute(found, "font-family") for found in properties)
        font = next(filter(None, fonts), "")
        return Look(
            script=next((script for script in positions if script is not None), Script.LEVEL),
            font=self.fonts.get(font, font),
            is_hidden=any(attribute(found, "display") == "none" for found in properties),
        )

    def _chain(self, name: str) -> Iterator[etree._Element]:
        seen: set[str] = set()
        while name in self.text_styles and name not in seen:
            seen.add(name)
            yield self.text_styles[name]
            name = attribute(self.text_styles[name], "parent-style-name")


def read_styles(archive: XmlArchive, document: etree._Element) -> Styles:
    """The styles of the document's content and of the archive's part for styles, those of the content first."""
    common = archive.xml("styles.xml")
    holders = [
        holder
        for root in (common, document)
        for name in ("styles", "automatic-styles")
        if (holder := child(root, name)) is not None
    ]
    faces = (face for root in (common, document) for face in children(child(root, "font-face-decls"), "font-face"))
    return Styles(
        text_styles={style.get(_NAME, ""): style for holder in holders for style in children(holder, "style")},
        list_styles={style.get(_NAME, ""): style for holder in holders for style in children(holder, "list-style")},
        outline=child(common, "styles", "outline-style"),
        fonts={attribute(face, "name"): attribute(face, "font-family").strip("'\"") for face in faces},
    )


@dataclass(slots=True)
class ListCount:
    """How far the levels of one list have counted."""

    counts: list[int | None] = field(default_factory=lambda: [None] * LEVELS)

    def mark(self, styles: Styles, style: str, depth: int, *, start: str = "") -> str:
        """What stands before the next item at this depth, from 0: "2.1", "-", or nothing."""
        depth = min(depth, LEVELS - 1)
        level = styles.list_level(style, depth)
        before = self.counts[depth]
        first = whole(start, default=level.start if level else 1)
        self.counts[depth] = first if start or before is None else before + 1
        self.counts[depth + 1 :] = [None] * (LEVELS - depth - 1)
        if level is None or level.is_bullet:
            return BULLET
        return self._shown(styles, style, depth, level)

    def _shown(self, styles: Styles, style: str, depth: int, level: ListLevel) -> str:
        if level.notation is None:
            return f"{level.prefix}{level.suffix}".strip()
        if level.pattern:
            return _PLACE.sub(lambda found: self._number(styles, style, int(found[1]) - 1), level.pattern).strip()
        numbers = (self._number(styles, style, at) for at in range(max(depth - level.shown_levels + 1, 0), depth + 1))
        return f"{level.prefix}{'.'.join(filter(None, numbers))}{level.suffix}".strip()

    def _number(self, styles: Styles, style: str, depth: int) -> str:
        level = styles.list_level(style, depth)
        if level is None or level.notation is None or not 0 <= depth < LEVELS:
            return ""
        count = self.counts[depth]
        return numeral(level.start if count is None else count, level.notation, repeats_letters=level.repeats_letters)


def whole(text: str, *, default: int) -> int:
    """The whole number that an attribute gives."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else default


def _level(element: etree._Element) -> ListLevel:
    notation = attribute(element, "num-format")
    return ListLevel(
        notation=_FORMATS.get(notation, Numeral.DECIMAL) if notation else None,
        is_bullet=etree.QName(element).localname not in LEVEL_KINDS,
        prefix=attribute(element, "num-prefix"),
        suffix=attribute(element, "num-suffix"),
        shown_levels=whole(attribute(element, "display-levels"), default=1),
        start=whole(attribute(element, "start-value"), default=1),
        pattern=attribute(element, "num-list-format"),
        repeats_letters=attribute(element, "num-letter-sync") == "true",
    )


def _script(position: str) -> Script | None:
    """A position such as "super 58%" or "-33% 58%"; the size alone doesn't move the text."""
    where = position.split()[:1]
    if not where:
        return None
    if where[0] in {"super", "sub"}:
        return Script.RAISED if where[0] == "super" else Script.LOWERED
    if where[0].strip("-0.%") == "":
        return Script.LEVEL
    return Script.LOWERED if where[0].startswith("-") else Script.RAISED
