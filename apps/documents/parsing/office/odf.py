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
from apps.documents.parsing.office.odf_inline import ASIDES, NOT_SHOWN, inline_text, note_mark
from apps.documents.parsing.office.odf_lists import OdfLists
from apps.documents.parsing.office.odf_styles import BULLET, ListCount, Styles, read_styles, whole
from apps.documents.parsing.scripts import raised
from apps.documents.parsing.tabular.spans import MOST_REPEATED, Cell, is_caption, table_rows
from apps.documents.parsing.tabular.tables import check_row
from apps.documents.parsing.types import FileLimits
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name, words

MANIFEST = "META-INF/manifest.xml"
ENCRYPTED_MARK = b"encryption-data"
MOST_COLUMNS = 16_384
# A covered cell lies under one that spans several rows or columns.
CELLS = frozenset({"table-cell", "covered-table-cell"})
_VALUES = {"date": "date-value", "time": "time-value", "boolean": "boolean-value", "string": "string-value"}
# A reference in a formula: "[.B2:.B3]".
_REFERENCE = re.compile(r"\[([^\]]*)\]")


@contextmanager
def open_odf(path: Path, limits: FileLimits) -> Iterator[XmlArchive]:
    """The document's archive; raises what `open_archive` raises, and EncryptedFileError for one with a password."""
    with open_archive(path, limits) as opened:
        archive = XmlArchive(opened, limits)
        if ENCRYPTED_MARK in archive.read(MANIFEST):
            raise EncryptedFileError("The document is protected with a password.")
        yield archive


def content(archive: XmlArchive, kind: str) -> tuple[etree._Element, Styles]:
    """The element `kind` (text, spreadsheet or presentation) that holds the document, and the styles that it uses.

    DamagedFileError without it.
    """
    root = archive.part("content.xml")
    found = child(root, "body", kind)
    if found is None:
        raise DamagedFileError(f"The file is a zip archive, but no OpenDocument {kind} is in it.")
    return found, read_styles(archive, root)


def odf_title(archive: XmlArchive) -> str:
    """The title in the document's properties, or ""."""
    return words(child(archive.xml("meta.xml"), "meta", "title"))


class OdfWriter:
    """Hands the words of a document's elements to the builder."""

    def __init__(self, builder: DocumentBuilder, styles: Styles) -> None:
        self._builder = builder
        self._styles = styles
        self._headings = ListCount()
        self._lists = OdfLists(styles)

    def text(self, paragraph: etree._Element) -> str:
        """The words of a paragraph."""
        return inline_text(paragraph, self._styles)

    def write(self, parent: etree._Element) -> None:
        """All that lies below `parent`."""
        for element in parent:
            self._write(element)

    def comment(self, annotation: etree._Element) -> None:
        """A comment, with its author."""
        author = words(child(annotation, "creator")).strip()
        text = comment_text(annotation, self._styles)
        if text:
            self._builder.block(f"Comment{f' by {author}' if author else ''}: {text}")

    def _write(self, element: etree._Element) -> None:
        match local_name(element):
            case "h":
                self._write_heading(element)
            case "p":
                self._write_paragraph(element)
            case "list":
                with self._lists.inside(element):
                    self.write(element)
            case "list-item" | "list-header":
                self._lists.begin_item(element)
                self.write(element)
            case "table":
                self._write_table(element)
            case "annotation":
                self.comment(element)
            case name if name and name not in NOT_SHOWN:
                self.write(element)

    def _write_heading(self, heading: etree._Element) -> None:
        depth = whole(attribute(heading, "outline-level"), default=1) - 1
        text = self.text(heading)
        mark = self._lists.mark(heading) if self._lists.is_inside else self._heading_mark(heading, max(depth, 0))
        if mark in {"", BULLET}:
            self._builder.heading(depth + 1, text)
        elif text:
            self._builder.heading(depth + 1, f"{mark} {text}")
        self._write_asides(heading)

    def _heading_mark(self, heading: etree._Element, depth: int) -> str:
        if attribute(heading, "is-list-header") == "true" or self._styles.outline is None:
            return ""
        start = attribute(heading, "start-value") if attribute(heading, "restart-numbering") == "true" else ""
        mark = self._headings.mark(self._styles, "", depth, start=start)
        return words(child(heading, "number")).strip() or mark

    def _write_paragraph(self, paragraph: etree._Element) -> None:
        text = self.text(paragraph)
        if text and self._lists.is_in_item:
            mark = self._lists.mark(paragraph)
            self._builder.line(f"{list_indent(self._lists.depth)}{f'{mark} ' if mark else '  '}{text}")
        else:
            self._builder.block(text)
        self._write_asides(paragraph)

    def _write_asides(self, parent: etree._Element) -> None:
        for element in parent:
            match local_name(element):
                case "table":
                    self._write_table(element)
                case "annotation":
                    self.comment(element)
                case "note":
                    self._write_note(element)
                case "text-box":
                    with self._lists.outside():
                        self.write(element)
                case name if name and name not in NOT_SHOWN:
                    self._write_asides(element)

    def _write_note(self, note: etree._Element) -> None:
        body = child(note, "note-body")
        texts = [] if body is None else [self.text(paragraph) for paragraph in _paragraphs(body)]
        mark = raised(note_mark(note), after="word")
        self._builder.block(f"{mark} {' '.join(filter(None, texts))}" if any(texts) and mark else " ".join(texts))

    def _write_table(self, table: etree._Element) -> None:
        reach = Reach(self._styles)
        rows = [reach.cells(row) for row in descendants(table, "table-row")]
        declared = sum(len(list(children(header, "table-row"))) for header in children(table, "table-header-rows"))
        shown = [row for row in rows if any(cell.text for cell in row)]
        while len(shown) > 1 and is_caption(shown[0]):
            self._builder.block(shown.pop(0)[0].text)
            declared -= 1
        for texts in table_rows(shown, declared=declared) if shown else ():
            check_row(texts)
            self._builder.line(table_row(texts))
        for aside in reach.asides:
            self._write_asides(aside)


def comment_text(annotation: etree._Element, styles: Styles) -> str:
    """The words of a comment."""
    return " ".join(filter(None, (inline_text(paragraph, styles) for paragraph in _paragraphs(annotation))))


class Reach:
    """Reads the cells of rows one after another; knows how far cells of earlier rows reach down."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._rows_left: dict[int, int] = {}
        self.asides: list[etree._Element] = []
        self.comments: list[tuple[int, etree._Element]] = []

    def cells(self, row: etree._Element) -> list[Cell]:
        """The cells of a row, up to the last column that a sheet can have."""
        cells: list[Cell] = []
        self.comments = []
        column, covered = 0, 0
        for element in row:
            name = local_name(element)
            if name not in CELLS:
                continue
            count = min(repeats(element, "columns"), MOST_COLUMNS - column)
            if name == "covered-table-cell":
                cells += self._covered(column, count, covered)
                covered = max(covered - count, 0)
            else:
                columns = self._begin(element, column)
                text = self._text(element, column)
                cells += [Cell(text, columns)] * (1 if columns > 1 else count)
                covered = columns - 1
            column += count
        self._rows_left = {at: left - 1 for at, left in self._rows_left.items() if left > 1}
        return cells

    def _begin(self, cell: etree._Element, column: int) -> int:
        """How many columns the cell spans; notes how far it reaches down."""
        columns = min(whole(attribute(cell, "number-columns-spanned"), default=1) or 1, MOST_REPEATED)
        rows = whole(attribute(cell, "number-rows-spanned"), default=1)
        if rows > 1:
            self._rows_left |= dict.fromkeys(range(column, column + columns), rows)
        return columns

    def _covered(self, column: int, count: int, covered: int) -> list[Cell]:
        """Cells that lie under others: those that the cell before spans are in it already."""
        columns = range(column + min(covered, count), column + count)
        return [Cell("", continues=self._rows_left.get(at, 0) > 0) for at in columns]

    def _text(self, cell: etree._Element, column: int) -> str:
        paragraphs = list(_paragraphs(cell))
        if any(len(paragraph) for paragraph in paragraphs):
            self.asides += paragraphs
        self.comments += [(column, annotation) for annotation in children(cell, "annotation")]
        text = " ".join(" ".join(inline_text(paragraph, self._styles) for paragraph in paragraphs).split())
        return text or value_of(cell)


def value_of(cell: etree._Element) -> str:
    """What a cell holds that a program wrote without the words to show; the formula where it holds no value."""
    kind = attribute(cell, "value-type")
    found = attribute(cell, _VALUES.get(kind, "value")) if kind else ""
    formula = attribute(cell, "formula")
    if found or not formula:
        return found
    text = _REFERENCE.sub(lambda match: match[1].replace(".", ""), formula.partition(":")[2] or formula)
    return "" if kind == "string" else f"{text} (not calculated)"


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
