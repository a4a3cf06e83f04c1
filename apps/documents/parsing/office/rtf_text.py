"""Gathers the words of an RTF document into paragraphs, list items and table rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.documents.parsing.building import DocumentBuilder, list_indent
from apps.documents.parsing.office import rtf_codes as codes
from apps.documents.parsing.office.rtf_tables import RtfTable
from apps.documents.parsing.scripts import Run, Script, written
from apps.documents.parsing.symbols import bare_private, is_symbol_font, symbols

TITLE = "title"
INFO = "info"
BULLET = "-"


@dataclass(frozen=True, slots=True)
class Look:
    """How words are read and shown, and where they go."""

    codec: str = codes.DEFAULT_CODEC
    destination: str = "body"
    font: str = ""
    script: Script = Script.LEVEL
    target: str = ""


PLAIN = Look()


@dataclass(slots=True)
class RtfText:
    """The words since the last paragraph's end, for the body and for each place beside it."""

    builder: DocumentBuilder
    title: str = ""
    level: int | None = None
    depth: int = 0
    mark: str = ""
    is_in_table: bool = False
    author: str = ""
    runs: list[Run] = field(default_factory=list)
    table: RtfTable = field(default_factory=RtfTable)
    notes: list[str] = field(default_factory=list)
    notes_of_table: int = 0
    margins: list[str] = field(default_factory=list)
    aside: list[Run] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    waiting: bytearray = field(default_factory=bytearray)
    look: Look = PLAIN

    def add_bytes(self, data: bytes, look: Look) -> None:
        """Bytes of the text; those of one character may come one by one."""
        if self.waiting and look != self.look:
            self.end_bytes()
        self.look = look
        self.waiting += data

    def end_bytes(self) -> None:
        """What comes next is no byte of the same text."""
        if self.waiting:
            codec = "latin-1" if is_symbol_font(self.look.font) else self.look.codec
            text = self.waiting.decode(codec, "replace")
            self.waiting.clear()
            self._put(text, self.look)

    def add(self, characters: str, look: Look) -> None:
        """Characters of the text."""
        self.end_bytes()
        self._put(characters, look)

    def end_line(self, destination: str) -> None:
        """The end of a paragraph, in the body or beside it."""
        self.end_bytes()
        if destination in codes.ASIDES | codes.MARGINS:
            self.aside.append(Run("\n"))
        elif destination in codes.ASKED:
            return
        elif self.is_in_table:
            self.runs.append(Run(" "))
        else:
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """Hands the paragraph to the builder, and the notes to it."""
        text = self._take()
        self._end_table()
        if self.level is not None and self.mark != BULLET:
            self.builder.heading(self.level, f"{self.mark} {text}" if self.mark and text else text)
        elif text and self.mark:
            self.builder.line(f"{list_indent(self.depth)}{self.mark} {text}")
        else:
            self.builder.block(text)
        self.mark = ""
        self._write_notes(len(self.notes))

    def end_cell(self) -> None:
        """The words so far are a cell of a table."""
        text = " ".join(self._take().split())
        self.table.cell(f"{self.mark} {text}" if self.mark not in {"", BULLET} and text else text)
        self.mark = ""

    def end_row(self) -> None:
        """The cells so far are a row of a table."""
        self.table.end_row()
        self.notes_of_table = len(self.notes)
        self.mark = ""

    def begin_layout(self) -> None:
        """The paragraph is an ordinary one until declared otherwise."""
        self.level = None
        self.depth = 0
        self.is_in_table = False

    def leave(self, destination: str) -> str:
        """The group with this destination has ended; gives the words of one that is read for something else."""
        if destination in codes.ASKED:
            words = self.asked.pop(destination, "")
            if destination in codes.LIST_MARKS:
                self.mark = _mark(words)
            elif destination == "atnauthor":
                self.author = words.strip()
            return words
        text = _whole(written(self.aside)).strip() if destination in codes.ASIDES | codes.MARGINS else ""
        if destination in codes.ASIDES | codes.MARGINS:
            self.aside = []
        if destination == "annotation" and text:
            self.notes.append(f"Comment{f' by {self.author}' if self.author else ''}: {text}")
            self.author = ""
        elif text:
            (self.notes if destination in codes.ASIDES else self.margins).append(text)
        return ""

    def write_margins(self) -> None:
        """What stands on the margins of pages, each once; page numbers and rules are left out."""
        self.builder.leave_headings()
        for text in dict.fromkeys(self.margins):
            if any(character.isalpha() for character in text):
                self.builder.block(text)

    def _write_notes(self, number: int) -> None:
        """The first so many of the notes."""
        for text in self.notes[:number]:
            self.builder.block(text)
        del self.notes[:number]
        self.notes_of_table = 0

    def _end_table(self) -> None:
        lines = self.table.take()
        for line in lines:
            self.builder.line(line)
        if lines:
            self._write_notes(self.notes_of_table)

    def _put(self, text: str, look: Look) -> None:
        if look.font and is_symbol_font(look.font):
            text = symbols(text, look.font)
        elif not text.isascii():
            text = bare_private(text)
        if look.destination == TITLE:
            self.title += text
        elif look.destination in codes.ASKED:
            self.asked[look.destination] = self.asked.get(look.destination, "") + text
        elif look.destination in codes.ASIDES | codes.MARGINS:
            self.aside.append(Run(text, look.script, target=look.target))
        elif look.destination != INFO:
            self.runs.append(Run(text, look.script, target=look.target))

    def _take(self) -> str:
        self.end_bytes()
        text = _whole(written(self.runs)).strip()
        self.runs = []
        return text


def _mark(words: str) -> str:
    """What stands before a list item: its number as it is written, or one mark for all bullets."""
    mark = " ".join(words.split())
    return mark if any(map(str.isalnum, mark)) and mark != codes.LETTER_BULLET else BULLET


def _whole(text: str) -> str:
    """The text with the halves of each character outside the basic plane put together; a lone half is dropped."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
