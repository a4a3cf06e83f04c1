"""Word documents (.docx), of the transitional and of the strict kind of the standard.

Both kinds use the same names in different XML namespaces, so elements are told apart by their local names
(ECMA-376, part 1, section 17).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.opc import Relation, core_title, main_part, relations
from apps.documents.parsing.types import DocumentType, Limits, ParsedDocument
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, local_name

TITLE_LEVEL = 0
LOWEST_HEADING = 9
# Relations of the main part whose words come after the body, in this order.
NOTES = ("footnotes", "endnotes", "comments")
MARGINS = ("header", "footer")
EMBEDDED_FOLDER = "word/embeddings/"
# Deleted or moved text, field codes, and the second copy of a drawing that is kept for old programs.
NOT_SHOWN = frozenset({"del", "moveFrom", "instrText", "delText", "Fallback", "pPr", "rPr"})
TEXT_BOX = "txbxContent"
# Names that Word, LibreOffice and pandoc give, and what people call their own; and typefaces in which code is set.
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


class DocxParser:
    """Takes the body with its headings, lists and tables, then notes, comments, page headers and footers."""

    name = "docx"
    types = frozenset({DocumentType.DOCX})

    def parse(self, path: Path, limits: Limits) -> ParsedDocument:
        """The document's text.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            main = main_part(archive)
            related = relations(archive, main)
            writer = _Writer(DocumentBuilder(limits), styles=_styles(archive, related))
            writer.write_body(archive.part(main))
            for kind in (*NOTES, *MARGINS):
                parts = [archive.part(relation.target) for relation in related if relation.kind == kind]
                writer.write_appendix(parts, only_words=kind in MARGINS)
            return writer.builder.finish(title=core_title(archive), metadata=_metadata(archive))


def _metadata(archive: XmlArchive) -> dict[str, str]:
    embedded = sum(name.startswith(EMBEDDED_FOLDER) for name in archive.names)
    return {"embedded_files_not_read": str(embedded)} if embedded else {}


@dataclass(frozen=True, slots=True)
class _Styles:
    """What a paragraph's style makes of it: style ids with their heading level, and the ids of list and code styles.

    `has_code_font` tells that all text is set in a typeface of code, unless it is said otherwise: then none means code.
    """

    levels: dict[str, int]
    lists: frozenset[str]
    code: frozenset[str]
    has_code_font: bool


def _styles(archive: XmlArchive, related: list[Relation]) -> _Styles:
    root = archive.xml(next((relation.target for relation in related if relation.kind == "styles"), ""))
    by_id = {attribute(style, "styleId"): style for style in children(root, "style")}
    usual = [attribute(style, "styleId") for style in by_id.values() if _is_usual(style)]
    fonts = [child(root, "docDefaults", "rPrDefault", "rPr"), *(child(by_id[name], "rPr") for name in usual)]
    has_code_font = any(map(_is_code_font, fonts))
    levels = {}
    lists, code = set(), set()
    for style_id in by_id:
        chain = list(_based_on(style_id, by_id))
        level = next((level for level in map(_own_level, chain) if level is not None), None)
        if level is not None and level <= LOWEST_HEADING:
            levels[style_id] = level
        if any(_is_numbered(child(style, "pPr")) for style in chain):
            lists.add(style_id)
        if style_id not in usual and any(_is_code_style(style, by_font=not has_code_font) for style in chain):
            code.add(style_id)
    return _Styles(levels, frozenset(lists), frozenset(code), has_code_font)


def _is_usual(style: etree._Element) -> bool:
    """Whether paragraphs have the style that name none."""
    return attribute(style, "type") == "paragraph" and attribute(style, "default") in {"1", "true", "on"}


def _is_code_style(style: etree._Element, *, by_font: bool) -> bool:
    name = attribute(child(style, "name"))
    return _CODE_STYLE.fullmatch(name.strip()) is not None or (by_font and _is_code_font(child(style, "rPr")))


def _is_code_font(properties: etree._Element | None) -> bool:
    return _CODE_FONT.match(attribute(child(properties, "rFonts"), "ascii")) is not None


def _based_on(style_id: str, by_id: dict[str, etree._Element]) -> Iterator[etree._Element]:
    """The style and those it inherits from, nearest first."""
    seen: set[str] = set()
    while style_id in by_id and style_id not in seen:
        seen.add(style_id)
        yield by_id[style_id]
        style_id = attribute(child(by_id[style_id], "basedOn"))


def _own_level(style: etree._Element) -> int | None:
    name = attribute(child(style, "name")).strip()
    heading = _HEADING_STYLE.match(name)
    if heading:
        return int(heading[1])
    if name.lower() == "title":
        return TITLE_LEVEL
    return _outline_level(child(style, "pPr"))


def _is_numbered(properties: etree._Element | None) -> bool:
    # Number 0 takes away the numbering that the style gives.
    return attribute(child(properties, "numPr", "numId")) not in {"", "0"}


def _outline_level(properties: etree._Element | None) -> int | None:
    """The heading level, from 1; below LOWEST_HEADING for text that is said to be no heading; None without a word."""
    value = attribute(child(properties, "outlineLvl"))
    return int(value) + 1 if value.isdecimal() else None


def _shown(element: etree._Element, *, into_boxes: bool = False) -> Iterator[etree._Element]:
    """The descendants that a reader sees, in order; a text box comes without its content, unless `into_boxes`."""
    for inner in element:
        if local_name(inner) in NOT_SHOWN or _is_hidden(inner):
            continue
        yield inner
        if into_boxes or local_name(inner) != TEXT_BOX:
            yield from _shown(inner, into_boxes=into_boxes)


def _is_hidden(run: etree._Element) -> bool:
    vanish = child(run, "rPr", "vanish")
    return vanish is not None and attribute(vanish) not in {"0", "false", "off"}


def _nearest(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The descendants called `name` that don't lie inside another of them."""
    for inner in element:
        if local_name(inner) == name:
            yield inner
        elif local_name(inner) not in NOT_SHOWN:
            yield from _nearest(inner, name)


def _paragraph_text(paragraph: etree._Element) -> str:
    return _characters(paragraph).strip()


def _characters(paragraph: etree._Element) -> str:
    return "".join(_run_text(element) for element in _shown(paragraph))


def _run_text(element: etree._Element) -> str:
    match local_name(element):
        case "t":
            return element.text or ""
        case "tab" | "ptab":
            return "\t"
        case "br" | "cr":
            return "\n"
        case "noBreakHyphen":
            return "-"
        case _:
            return ""


class _Writer:
    """Hands the words of a document's parts to the builder."""

    def __init__(self, builder: DocumentBuilder, *, styles: _Styles) -> None:
        self.builder = builder
        self._styles = styles
        self._code: list[str] = []

    def write_body(self, document: etree._Element) -> None:
        body = child(document, "body")
        if body is None:
            raise DamagedFileError("The document has no body.")
        self._write_blocks(body)
        self._end_code()

    def write_appendix(self, parts: list[etree._Element], *, only_words: bool) -> None:
        """What stands outside the body, each text once; `only_words` leaves out page numbers and rules."""
        self.builder.leave_headings()
        texts = [_paragraph_text(element) for part in parts for element in _paragraphs(part)]
        for text in dict.fromkeys(texts):
            if not only_words or any(character.isalpha() for character in text):
                self.builder.block(text)

    def _write_blocks(self, parent: etree._Element) -> None:
        for element in parent:
            match local_name(element):
                case "p":
                    self._write_paragraph(element)
                case "tbl":
                    self._write_table(element)
                case name if name not in NOT_SHOWN:
                    self._write_blocks(element)

    def _write_paragraph(self, paragraph: etree._Element) -> None:
        properties = child(paragraph, "pPr")
        text = _paragraph_text(paragraph)
        level = self._level(properties)
        is_item = level is None and bool(text) and self._is_list_item(properties)
        if level is None and not is_item and self._continues_code(paragraph, text):
            self._code.append(_characters(paragraph).rstrip())
        else:
            self._end_code()
            self._write_words(text, level=level, item=properties if is_item else None)
        for box in _shown(paragraph):
            if local_name(box) == TEXT_BOX:
                self._write_blocks(box)

    def _write_words(self, text: str, *, level: int | None, item: etree._Element | None) -> None:
        if level is not None:
            self.builder.heading(level, text)
        elif item is not None:
            depth = attribute(child(item, "numPr", "ilvl"))
            self.builder.line(f"{list_indent(int(depth) if depth.isdecimal() else 0)}- {text}")
        else:
            self.builder.block(text)

    def _continues_code(self, paragraph: etree._Element, text: str) -> bool:
        """Whether the paragraph is a line of code, or an empty one after such a line."""
        if not text:
            return bool(self._code)
        if attribute(child(paragraph, "pPr", "pStyle")) in self._styles.code:
            return True
        runs = [run for run in _nearest(paragraph, "r") if _run_has_words(run)]
        return bool(runs) and not self._styles.has_code_font and all(_is_code_font(child(run, "rPr")) for run in runs)

    def _end_code(self) -> None:
        """A program is a paragraph a line, or one paragraph with line breaks: what follows one another is one block."""
        self.builder.code("\n".join(self._code))
        self._code = []

    def _level(self, properties: etree._Element | None) -> int | None:
        level = _outline_level(properties)
        if level is None:
            level = self._styles.levels.get(attribute(child(properties, "pStyle")))
        return level if level is not None and level <= LOWEST_HEADING else None

    def _is_list_item(self, properties: etree._Element | None) -> bool:
        if child(properties, "numPr", "numId") is not None:
            return _is_numbered(properties)
        return attribute(child(properties, "pStyle")) in self._styles.lists

    def _write_table(self, table: etree._Element) -> None:
        self._end_code()
        rows = [list(_nearest(row, "tc")) for row in _nearest(table, "tr")]
        if all(len(cells) <= 1 for cells in rows):
            # A frame or a column of text boxes rather than a table.
            for cell in (cell for cells in rows for cell in cells):
                self._write_blocks(cell)
            return
        for cells in rows:
            texts = [_cell_text(cell) for cell in cells]
            if any(texts):
                self.builder.line(table_row(texts))


def _run_has_words(run: etree._Element) -> bool:
    return any(_run_text(element).strip() for element in _shown(run))


def _paragraphs(element: etree._Element) -> Iterator[etree._Element]:
    return (inner for inner in _shown(element, into_boxes=True) if local_name(inner) == "p")


def _cell_text(cell: etree._Element) -> str:
    return " ".join(" ".join(_paragraph_text(paragraph) for paragraph in _paragraphs(cell)).split())
