"""Word documents (.docx), of the transitional and of the strict kind of the standard.

Both kinds use the same names in different XML namespaces, so elements are identified by their local names
(ECMA-376, part 1, section 17).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder, list_indent, table_row
from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.office.docx_inline import NOT_SHOWN, OFF, Context, Words, is_hidden, words_of
from apps.documents.parsing.office.docx_notes import Note, Notes
from apps.documents.parsing.office.docx_numbering import BULLET, Numbering
from apps.documents.parsing.office.docx_styles import (
    LOWEST_HEADING,
    Styles,
    is_code_font,
    list_depth,
    list_number,
    outline_level,
    styles_of,
)
from apps.documents.parsing.office.opc import Relation, addresses, all_relations, core_title, main_part
from apps.documents.parsing.scripts import raised
from apps.documents.parsing.tabular.spans import Cell, is_caption, table_rows
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, descendants, local_name

# Relations of the main part whose words come after the body, in this order.
MARGINS = ("header", "footer")
EMBEDDED_FOLDER = "word/embeddings/"
# A note's own mark looks as it does behind any word.
BEHIND_A_WORD = "word"
# As many as Word can make.
MOST_COLUMNS = 63


class DocxParser:
    """Takes the body with its headings, lists, tables, notes and comments, then page headers and footers."""

    name = "docx"
    types = frozenset({DocumentType.DOCX})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The document's text.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            main = main_part(archive)
            related = all_relations(archive, main)
            inside = [relation for relation in related if not relation.is_outside]
            writer = _Writer(
                DocumentBuilder(limits),
                styles=styles_of(archive, inside, limits),
                numbering=_numbering(archive, inside),
                notes=Notes.read(archive, inside),
            )
            writer.write_body(archive.part(main), targets=addresses(related))
            writer.write_left_notes()
            for kind in MARGINS:
                writer.write_margins([relation.target for relation in inside if relation.kind == kind], archive)
            return writer.builder.finish(title=core_title(archive), metadata=_metadata(archive))


def _metadata(archive: XmlArchive) -> dict[str, str]:
    embedded = sum(name.startswith(EMBEDDED_FOLDER) for name in archive.names)
    return {"embedded_files_not_read": str(embedded)} if embedded else {}


def _numbering(archive: XmlArchive, related: Sequence[Relation]) -> Numbering:
    name = next((relation.target for relation in related if relation.kind == "numbering"), "")
    return Numbering(lambda: archive.xml(name))


def _nearest(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The descendants called `name` that don't lie inside another of them."""
    for inner in element:
        if local_name(inner) == name:
            yield inner
        elif local_name(inner) not in NOT_SHOWN:
            yield from _nearest(inner, name)


class _Writer:
    """Hands the words of a document's parts to the builder."""

    def __init__(self, builder: DocumentBuilder, *, styles: Styles, numbering: Numbering, notes: Notes) -> None:
        self.builder = builder
        self._styles = styles
        self._numbering = numbering
        self._notes = notes
        self._context = self._context_with({})
        self._code: list[str] = []
        # Of paragraphs whose end was deleted in a change that is kept track of: the next one goes on with them.
        self._open = Words()

    def write_body(self, document: etree._Element, *, targets: Mapping[str, str]) -> None:
        body = child(document, "body")
        if body is None:
            raise DamagedFileError("The document has no body.")
        self._context = self._context_with(targets)
        self._write_blocks(body)
        self._end_open()
        self._end_code()

    def write_left_notes(self) -> None:
        """The notes that nothing in the body refers to, each text once."""
        self.builder.leave_headings()
        notes = [(note.lead_in("", ""), self._note_text(note)) for note in self._notes.left()]
        for text in dict.fromkeys(f"{lead_in}{text}" for lead_in, text in notes if text):
            self.builder.block(text)

    def write_margins(self, parts: Sequence[str], archive: XmlArchive) -> None:
        """The words of page headers or footers, each once; page numbers and rules are left out."""
        texts: list[str] = []
        for part in parts:
            context = self._context_with(addresses(all_relations(archive, part)))
            texts += [words_of(paragraph, context).text.strip() for paragraph in _paragraphs(archive.part(part))]
        for text in dict.fromkeys(texts):
            if any(character.isalpha() for character in text):
                self.builder.block(text)

    def _context_with(self, targets: Mapping[str, str]) -> Context:
        return Context(targets, lambda style: self._styles.meaning(style).script, self._notes.mark_of)

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
        words, self._open = self._open.followed_by(words_of(paragraph, self._context)), Words()
        if child(properties, "rPr", "del") is not None:
            self._open = words
            return
        text = words.text
        level = self._level(properties)
        depth, mark = self._list_mark(properties)
        if level is None and not mark and self._continues_code(paragraph, text.strip()):
            self._code.append(text.rstrip())
        else:
            self._end_code()
            self._write_words(words, text.strip(), level=level, depth=depth, mark=mark)
        self._write_beside(words)

    def _end_open(self) -> None:
        """No paragraph follows that goes on with what is open."""
        words, self._open = self._open, Words()
        self._write_words(words, words.text.strip(), level=None, depth=0, mark="")
        self._write_beside(words)

    def _write_words(self, words: Words, text: str, *, level: int | None, depth: int, mark: str) -> None:
        if not text:
            return
        if level is not None:
            self._write_heading(words, text, level=level, mark=mark)
        elif mark:
            self.builder.line(f"{list_indent(depth)}{mark} {text}")
        else:
            self.builder.block(text)

    def _write_heading(self, words: Words, text: str, *, level: int, mark: str) -> None:
        """A heading with its number; an address that is linked from it stands below it."""
        heading = words.text_without_links.strip() if words.has_links else text
        self.builder.heading(level, heading if mark in {"", BULLET} else f"{mark} {heading}")
        if text != heading:
            self.builder.block(text)

    def _write_beside(self, words: Words) -> None:
        """The text boxes that are anchored in the words, and the notes to them."""
        for box in words.boxes:
            self._write_blocks(box)
            self._end_open()
        for reference in words.references:
            note = self._notes.take(reference)
            text = self._note_text(note) if note is not None else ""
            if note is not None and text:
                self._end_code()
                lead_in = note.lead_in(raised(self._notes.mark_of(reference), after=BEHIND_A_WORD), reference.quoted)
                self.builder.block(f"{lead_in}{text}")

    def _note_text(self, note: Note) -> str:
        context = self._context_with(note.targets)
        texts = (words_of(paragraph, context).text.strip() for paragraph in _paragraphs(note.element))
        return "\n\n".join(filter(None, texts))

    def _continues_code(self, paragraph: etree._Element, text: str) -> bool:
        """Whether the paragraph is a line of code, or an empty one after such a line."""
        if not text:
            return bool(self._code)
        if self._styles.meaning(attribute(child(paragraph, "pPr", "pStyle"))).is_code:
            return True
        if self._styles.has_code_font:
            return False
        runs = [run for run in _nearest(paragraph, "r") if _has_words(run)]
        return bool(runs) and all(is_code_font(child(run, "rPr")) for run in runs)

    def _end_code(self) -> None:
        """A program is a paragraph a line, or one paragraph with line breaks: what follows one another is one block."""
        if self._code:
            self.builder.code("\n".join(self._code))
            self._code = []

    def _level(self, properties: etree._Element | None) -> int | None:
        level = outline_level(properties)
        if level is None:
            level = self._styles.meaning(attribute(child(properties, "pStyle"))).level
        return level if level is not None and level <= LOWEST_HEADING else None

    def _list_mark(self, properties: etree._Element | None) -> tuple[int, str]:
        """How deep in a list the paragraph is, and what stands before it; "" if it is no item."""
        if properties is None:
            return 0, ""
        style = attribute(child(properties, "pStyle"))
        meaning = self._styles.meaning(style)
        number = list_number(properties)
        depth = list_depth(properties)
        if number in {"", meaning.number}:
            depth = depth if depth is not None else meaning.depth
        number = number or meaning.number
        if number.strip("0") == "":
            return 0, ""
        if depth is None:
            depth = self._numbering.depth_of_style(number, style)
        return depth, self._numbering.mark(number, depth)

    def _write_table(self, table: etree._Element) -> None:
        self._end_open()
        self._end_code()
        rows = [list(_nearest(row, "tc")) for row in _nearest(table, "tr")]
        if all(len(cells) <= 1 for cells in rows) and not any(_is_continued(cell) for cells in rows for cell in cells):
            # A frame or a column of text boxes rather than a table.
            for cell in (cell for cells in rows for cell in cells):
                self._write_blocks(cell)
                self._end_open()
            return
        beside: list[Words] = []
        cells = [self._row(row, beside) for row in _nearest(table, "tr")]
        self._write_rows([row for row in cells if any(cell.text or cell.continues for cell in row)], table)
        for words in beside:
            self._write_beside(words)

    def _write_rows(self, rows: list[list[Cell]], table: etree._Element) -> None:
        declared = sum(1 for _ in takewhile(_is_header, _nearest(table, "tr")))
        while len(rows) > 1 and is_caption(rows[0]):
            self.builder.block(rows.pop(0)[0].text)
            declared -= 1
        for texts in table_rows(rows, declared=declared) if rows else ():
            if any(texts):
                self.builder.line(table_row(texts))

    def _row(self, row: etree._Element, beside: list[Words]) -> list[Cell]:
        skipped = attribute(child(row, "trPr", "gridBefore"))
        cells = [Cell("")] * min(int(skipped) if skipped.isdecimal() else 0, MOST_COLUMNS)
        for cell in _nearest(row, "tc"):
            span = attribute(child(cell, "tcPr", "gridSpan"))
            columns = min(int(span), MOST_COLUMNS) if span.isdecimal() else 1
            cells.append(Cell(self._cell_text(cell, beside), columns, continues=_is_continued(cell)))
        return cells

    def _cell_text(self, cell: etree._Element, beside: list[Words]) -> str:
        texts = []
        for paragraph in _paragraphs(cell):
            words = words_of(paragraph, self._context)
            text = words.text
            _, mark = self._list_mark(child(paragraph, "pPr"))
            texts.append(f"{mark} {text}" if mark not in {"", BULLET} and text.strip() else text)
            if words.references:
                beside.append(Words(references=words.references))
        return " ".join(" ".join(texts).split())


def _is_continued(cell: etree._Element) -> bool:
    merge = child(cell, "tcPr", "vMerge")
    return merge is not None and attribute(merge) in {"", "continue"}


def _is_header(row: etree._Element) -> bool:
    header = child(row, "trPr", "tblHeader")
    return header is not None and attribute(header) not in OFF


def _has_words(run: etree._Element) -> bool:
    return any((text.text or "").strip() for text in descendants(run, "t")) and not is_hidden(child(run, "rPr"))


def _paragraphs(element: etree._Element) -> Iterator[etree._Element]:
    """All paragraphs below, also of tables and text boxes, in order."""
    for inner in element:
        name = local_name(inner)
        if name == "p":
            yield inner
        if name and name not in NOT_SHOWN:
            yield from _paragraphs(inner)
