"""Gathers the words of an RTF document into paragraphs, list items and table rows."""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.documents.parsing.building import DocumentBuilder, table_row
from apps.documents.parsing.office import rtf_codes as codes

TITLE = "title"
INFO = "info"


@dataclass(slots=True)
class RtfText:
    """The words since the last paragraph's end, for the body and for each place beside it."""

    builder: DocumentBuilder
    title: str = ""
    level: int | None = None
    is_item: bool = False
    is_in_table: bool = False
    pieces: list[str] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    asides: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    waiting: bytearray = field(default_factory=bytearray)
    codec: str = ""
    destination: str = ""

    def add_bytes(self, data: bytes, *, codec: str, destination: str) -> None:
        """Bytes of the text; those of one character may come one by one."""
        if self.waiting and (codec, destination) != (self.codec, self.destination):
            self.end_bytes()
        self.codec, self.destination = codec, destination
        self.waiting += data

    def end_bytes(self) -> None:
        """What comes next is no byte of the same text."""
        if self.waiting:
            text = self.waiting.decode(self.codec, "replace")
            self.waiting.clear()
            self._put(text, self.destination)

    def add(self, characters: str, *, destination: str) -> None:
        """Characters of the text."""
        self.end_bytes()
        self._put(characters, destination)

    def end_line(self, destination: str) -> None:
        """The end of a paragraph, in the body or beside it."""
        self.end_bytes()
        if destination in codes.ASIDES | codes.MARGINS:
            self.aside.append("\n")
        elif self.is_in_table:
            self.pieces.append(" ")
        else:
            self.end_paragraph()

    def end_paragraph(self) -> None:
        """Hands the paragraph to the builder."""
        text = self._take()
        if self.level is not None and not self.is_item:
            self.builder.heading(self.level, text)
        elif text and self.is_item:
            self.builder.line(f"- {text}")
        else:
            self.builder.block(text)
        self.is_item = False

    def end_cell(self) -> None:
        """The words so far are a cell of a table."""
        self.cells.append(" ".join(self._take().split()))

    def end_row(self) -> None:
        """The cells so far are a row of a table."""
        if any(self.cells):
            self.builder.line(table_row(self.cells))
        self.cells = []
        self.is_item = False

    def begin_layout(self) -> None:
        """The paragraph is an ordinary one until declared otherwise."""
        self.level = None
        self.is_in_table = False

    def leave(self, destination: str) -> None:
        """The group with this destination has ended."""
        if destination in codes.ASIDES | codes.MARGINS:
            self.asides.append(_whole("".join(self.aside)).strip())
            self.aside = []

    def write_asides(self) -> None:
        """What stands beside the text, each once; page numbers and rules are left out."""
        self.builder.leave_headings()
        for text in dict.fromkeys(self.asides):
            if any(character.isalpha() for character in text):
                self.builder.block(text)

    def _put(self, text: str, destination: str) -> None:
        if destination == TITLE:
            self.title += text
        elif destination in codes.ASIDES | codes.MARGINS:
            self.aside.append(text)
        elif destination != INFO:
            self.pieces.append(text)

    def _take(self) -> str:
        self.end_bytes()
        text = _whole("".join(self.pieces)).strip()
        self.pieces = []
        return text


def _whole(text: str) -> str:
    """The text with the halves of each character outside the basic plane put together; a lone half is dropped."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
