"""What OpenDocument texts, spreadsheets and presentations have in common (ISO/IEC 26300, part 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.errors import DamagedFileError, EncryptedFileError
from apps.documents.parsing.tabular.tables import check_row
from apps.documents.parsing.types import FileLimits
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, descendants, local_name, words

MANIFEST = "META-INF/manifest.xml"
ENCRYPTED_MARK = b"encryption-data"
MOST_SPACES = 100
MOST_COLUMNS = 16_384
# A covered cell lies under one that spans several rows or columns.
CELLS = frozenset({"table-cell", "covered-table-cell"})
# Deleted text, lists of the headings, settings, and who wrote a note when.
NOT_SHOWN = frozenset(
    {"tracked-changes", "table-of-content", "forms", "sequence-decls", "creator", "date", "note-citation"}
)
# What stands beside a paragraph: it is written after it.
ASIDES = frozenset({"note", "annotation", "text-box", "table"})
_WHITESPACE = re.compile(r"[ \t\r\n]+")


@contextmanager
def open_odf(path: Path, limits: FileLimits) -> Iterator[XmlArchive]:
    """The document's archive; raises what `open_archive` raises, and EncryptedFileError for one with a password."""
    with open_archive(path, limits) as opened:
        archive = XmlArchive(opened, limits)
        if ENCRYPTED_MARK in archive.read(MANIFEST):
            raise EncryptedFileError("The document is protected with a password.")
        yield archive


def content(archive: XmlArchive, kind: str) -> etree._Element:
    """The element `kind` (text, spreadsheet or presentation) that holds the document; DamagedFileError without it."""
    found = child(archive.part("content.xml"), "body", kind)
    if found is None:
        raise DamagedFileError(f"The file is a zip archive, but no OpenDocument {kind} is in it.")
    return found


def odf_title(archive: XmlArchive) -> str:
    """The title in the document's properties, or ""."""
    return words(child(archive.xml("meta.xml"), "meta", "title"))


def inline_text(parent: etree._Element) -> str:
    """The words of a paragraph, with whitespace as the format counts it; what stands beside it is left out."""
    return "".join(_pieces(parent)).strip()


def row_texts(row: etree._Element) -> list[str]:
    """The words of each cell of a row, in one line each, up to the last column that a sheet can have."""
    texts: list[str] = []
    for cell in row:
        if local_name(cell) in CELLS:
            texts.extend([_cell_text(cell)] * min(repeats(cell, "columns"), MOST_COLUMNS - len(texts)))
    return texts


def _cell_text(cell: etree._Element) -> str:
    return " ".join(" ".join(inline_text(paragraph) for paragraph in _paragraphs(cell)).split())


def repeats(element: etree._Element, name: str) -> int:
    """How often a row or cell is repeated: the attribute number-`name`-repeated."""
    value = attribute(element, f"number-{name}-repeated")
    return max(int(value), 1) if value.isdecimal() else 1


def _paragraphs(parent: etree._Element) -> Iterator[etree._Element]:
    for element in parent:
        if local_name(element) in {"p", "h"}:
            yield element
        elif local_name(element) not in NOT_SHOWN | ASIDES:
            yield from _paragraphs(element)


def _pieces(parent: etree._Element) -> Iterator[str]:
    yield _collapsed(parent.text)
    for element in parent:
        yield from _inline(element)
        yield _collapsed(element.tail)


def _inline(element: etree._Element) -> Iterator[str]:
    match local_name(element):
        case "s":
            count = attribute(element, "c")
            yield " " * min(int(count) if count.isdecimal() else 1, MOST_SPACES)
        case "tab":
            yield "\t"
        case "line-break":
            yield "\n"
        case name if name and name not in NOT_SHOWN | ASIDES:
            yield from _pieces(element)


def _collapsed(text: str | None) -> str:
    return _WHITESPACE.sub(" ", text) if text else ""


class OdfWriter:
    """Hands the words of a document's elements to the builder."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder

    def write(self, parent: etree._Element, *, depth: int = 0) -> None:
        """All that lies below `parent`, inside `depth` lists."""
        for element in parent:
            match local_name(element):
                case "h":
                    level = attribute(element, "outline-level")
                    self._builder.heading(int(level) if level.isdecimal() else 1, inline_text(element))
                    self._write_asides(element)
                case "p":
                    self._write_paragraph(element, depth)
                case "list":
                    self.write(element, depth=depth + 1)
                case "table":
                    self._write_table(element)
                case name if name and name not in NOT_SHOWN:
                    self.write(element, depth=depth)

    def _write_paragraph(self, paragraph: etree._Element, depth: int) -> None:
        text = inline_text(paragraph)
        if text and depth:
            self._builder.line(f"{list_indent(depth - 1)}- {text}")
        else:
            self._builder.block(text)
        self._write_asides(paragraph)

    def _write_asides(self, parent: etree._Element) -> None:
        for element in parent:
            match local_name(element):
                case "table":
                    self._write_table(element)
                case name if name in ASIDES:
                    self.write(element)
                case name if name and name not in NOT_SHOWN:
                    self._write_asides(element)

    def _write_table(self, table: etree._Element) -> None:
        for row in descendants(table, "table-row"):
            texts = row_texts(row)
            if any(texts):
                check_row(texts)
                self._builder.line(table_row(texts))
