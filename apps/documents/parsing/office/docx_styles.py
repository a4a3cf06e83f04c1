"""What the styles of a Word document make of its paragraphs: headings, list items, code.

A document carries some hundred and sixty styles and uses a few, so a style is looked into when a paragraph has it.
ECMA-376, part 1, section 17.7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from apps.documents.parsing.office.opc import Relation
from apps.documents.parsing.scripts import Script
from apps.documents.parsing.types import FileLimits
from apps.documents.parsing.xml_archive import XmlArchive, parse_xml
from apps.documents.parsing.xml_elements import attribute, child, children

TITLE_LEVEL = 0
LOWEST_HEADING = 9
MOST_DIGITS = 9
# Documents of one template come with the same styles, often hundreds of kilobytes: the last few are not read again.
REMEMBERED = 2
LARGEST_REMEMBERED = 1024 * 1024
# Names that Word, LibreOffice and pandoc give, and what people call their own; and typefaces in which code is set.
_SCRIPTS = {"superscript": Script.RAISED, "subscript": Script.LOWERED, "baseline": Script.LEVEL}
_HEADING_STYLE = re.compile(r"heading (\d)$", re.IGNORECASE)
_CODE_STYLE = re.compile(
    r"(?:(?:source|program|computer|sample|block)[ _-]?)?(?:code|listing)"
    r"(?:[ _-]?(?:block|text|example|listing|snippet|sample|line|paragraph))?\d*"
    r"|(?:html )?preformatted(?: text)?|macro(?: text)?|verbatim",
    re.IGNORECASE,
)
_CODE_FONT = re.compile(
    r"consolas|courier|lucida console|menlo|monaco|inconsolata|andale mono|cascadia (?:code|mono)|fira (?:code|mono)"
    r"|jetbrains mono|source code|(?:dejavu sans|liberation|noto sans|roboto|ubuntu) mono|sf mono",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a style makes of its text: a heading of a level (0 is a title, None no heading), an item of a list, code.

    `number` is the list's, "" for none, and `depth` the item's in it, from 0, None if the list says it. A style of
    characters may raise or lower them.
    """

    level: int | None
    number: str
    depth: int | None
    is_code: bool
    script: Script


class Styles:
    """The styles by their ids; an unknown id means nothing.

    `has_code_font` tells that all text is set in a typeface of code, unless declared otherwise: then none means code.
    """

    def __init__(self, root: etree._Element | None) -> None:
        self._by_id = {attribute(style, "styleId"): style for style in children(root, "style")}
        self._usual = frozenset(attribute(style, "styleId") for style in self._by_id.values() if _is_usual(style))
        fonts = [child(self._by_id[name], "rPr") for name in self._usual]
        self.has_code_font = any(map(is_code_font, [child(root, "docDefaults", "rPrDefault", "rPr"), *fonts]))
        self._meanings: dict[str, Meaning] = {}

    def meaning(self, style_id: str) -> Meaning:
        """What the style says, or one that it inherits from."""
        if style_id not in self._meanings:
            self._meanings[style_id] = self._look_up(style_id)
        return self._meanings[style_id]

    def _look_up(self, style_id: str) -> Meaning:
        chain = list(self._based_on(style_id))
        level = next((level for level in map(_own_level, chain) if level is not None), None)
        return Meaning(
            level=level if level is not None and level <= LOWEST_HEADING else None,
            number=next(filter(None, (list_number(child(style, "pPr")) for style in chain)), "").lstrip("0"),
            depth=next((depth for style in chain if (depth := list_depth(child(style, "pPr"))) is not None), None),
            is_code=style_id not in self._usual and any(map(self._is_code_style, chain)),
            script=next(filter(None, (script_of(child(style, "rPr")) for style in chain)), Script.LEVEL),
        )

    def _based_on(self, style_id: str) -> Iterator[etree._Element]:
        """The style and those it inherits from, nearest first."""
        seen: set[str] = set()
        while style_id in self._by_id and style_id not in seen:
            seen.add(style_id)
            yield self._by_id[style_id]
            style_id = attribute(child(self._by_id[style_id], "basedOn"))

    def _is_code_style(self, style: etree._Element) -> bool:
        if _CODE_STYLE.fullmatch(attribute(child(style, "name")).strip()):
            return True
        return not self.has_code_font and is_code_font(child(style, "rPr"))


def styles_of(archive: XmlArchive, related: Sequence[Relation], limits: FileLimits) -> Styles:
    """The document's styles.

    Raises what `XmlArchive.xml` raises.
    """
    name = next((relation.target for relation in related if relation.kind == "styles"), "")
    if name not in archive.names:
        return Styles(None)
    data = archive.read(name)
    return (_remembered if len(data) <= LARGEST_REMEMBERED else _read)(data, name, limits)


def _read(data: bytes, name: str, limits: FileLimits) -> Styles:
    return Styles(parse_xml(data, name=name, limits=limits))


_remembered = lru_cache(maxsize=REMEMBERED)(_read)


def is_code_font(properties: etree._Element | None) -> bool:
    """Whether a run, or a style, with these properties is set in a typeface of code."""
    return _CODE_FONT.match(attribute(child(properties, "rFonts"), "ascii")) is not None


def list_number(properties: etree._Element | None) -> str:
    """The number of the list that the paragraph properties put the paragraph in; "0" for expressly none, "" if unsaid."""
    return attribute(child(properties, "numPr", "numId"))


def list_depth(properties: etree._Element | None) -> int | None:
    """The depth in the list that the paragraph properties give, from 0."""
    value = attribute(child(properties, "numPr", "ilvl"))
    return int(value) if value.isdecimal() and len(value) <= MOST_DIGITS else None


def script_of(properties: etree._Element | None) -> Script | None:
    """Whether run properties raise or lower the characters; None if they don't say."""
    return _SCRIPTS.get(attribute(child(properties, "vertAlign")))


def outline_level(properties: etree._Element | None) -> int | None:
    """The heading level, from 1; below LOWEST_HEADING for text declared not to be a heading; None if nothing is declared."""
    value = attribute(child(properties, "outlineLvl"))
    return int(value) + 1 if value.isdecimal() else None


def _is_usual(style: etree._Element) -> bool:
    """Whether paragraphs have the style that name none."""
    return attribute(style, "default") in {"1", "true", "on"} and attribute(style, "type") == "paragraph"


def _own_level(style: etree._Element) -> int | None:
    name = attribute(child(style, "name")).strip()
    heading = _HEADING_STYLE.match(name)
    if heading:
        return int(heading[1])
    if name.lower() == "title":
        return TITLE_LEVEL
    return outline_level(child(style, "pPr"))
