"""Word documents (.docx), of the transitional and of the strict kind of the standard.

Both kinds use the same names in different XML namespaces, so elements are identified by their local names
(ECMA-376, part 1, section 17).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.office.docx_styles import (
    LOWEST_HEADING,
    Styles,
    is_code_font,
    is_numbered,
    outline_level,
    styles_of,
)
from apps.documents.parsing.office.opc import core_title, main_part, relations
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, local_name

# Relations of the main part whose words come after the body, in this order.
NOTES = ("footnotes", "endnotes", "comments")
MARGINS = ("header", "footer")
EMBEDDED_FOLDER = "word/embeddings/"
# Deleted or moved text, field codes, and the second copy of a drawing that is kept for old programs.
NOT_SHOWN = frozenset({"del", "moveFrom", "instrText", "delText", "Fallback", "pPr", "rPr"})
TEXT_BOX = "txbxContent"


class DocxParser:
    """Takes the body with its headings, lists and tables, then notes, comments, page headers and footers."""

    name = "docx"
    types = frozenset({DocumentType.DOCX})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The document's text.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            main = main_part(archive)
            related = relations(archive, main)
            writer = _Writer(DocumentBuilder(limits), styles=styles_of(archive, related, limits))
            writer.write_body(archive.part(main))
            for kind in (*NOTES, *MARGINS):
                parts = [archive.part(relation.target) for relation in related if relation.kind == kind]
                writer.write_appendix(parts, only_words=kind in MARGINS)
            return writer.builder.finish(title=core_title(archive), metadata=_metadata(archive))


def _metadata(archive: XmlArchive) -> dict[str, str]:
    embedded = sum(name.startswith(EMBEDDED_FOLDER) for name in archive.names)
    return {"embedded_files_not_read": str(embedded)} if embedded else {}


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

    def __init__(self, builder: DocumentBuilder, *, styles: Styles) -> None:
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
        if self._styles.meaning(attribute(child(paragraph, "pPr", "pStyle"))).is_code:
            return True
        runs = [run for run in _nearest(paragraph, "r") if _run_has_words(run)]
        return bool(runs) and not self._styles.has_code_font and all(is_code_font(child(run, "rPr")) for run in runs)

    def _end_code(self) -> None:
        """A program is a paragraph a line, or one paragraph with line breaks: what follows one another is one block."""
        self.builder.code("\n".join(self._code))
        self._code = []

    def _level(self, properties: etree._Element | None) -> int | None:
        level = outline_level(properties)
        if level is None:
            level = self._styles.meaning(attribute(child(properties, "pStyle"))).level
        return level if level is not None and level <= LOWEST_HEADING else None

    def _is_list_item(self, properties: etree._Element | None) -> bool:
        if child(properties, "numPr", "numId") is not None:
            return is_numbered(properties)
        return self._styles.meaning(attribute(child(properties, "pStyle"))).is_list

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
