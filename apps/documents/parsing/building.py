"""Puts a parsed document together, block by block."""

from __future__ import annotations

import re
from collections.abc import Sequence

from apps.documents.parsing.cleaning import clean
from apps.documents.parsing.errors import EmptyTextError, TooLargeError
from apps.documents.parsing.types import FileLimits, ParsedDocument, Place, Section

LONGEST_HEADING = 200
# A table's header is a heading too, and names every column.
LONGEST_LABEL = 500
LONGEST_TITLE = 300
DEEPEST_INDENT = 8
SHORTEST_FENCE = 3
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_BACKTICKS = re.compile("`+")
_EMPTY_EDGES = re.compile(r"\A(?:[ \t]*\n)+|\s+\Z")


def list_indent(depth: int) -> str:
    """The space before a list item that is `depth` levels down, from 0; the deepest levels look alike."""
    return "  " * min(depth, DEEPEST_INDENT)


def table_row(cells: Sequence[str]) -> str:
    """A table's row as a line of text; a bar within a cell is marked as one that parts no cells."""
    row = " | ".join(cells)
    if row.count("|") >= max(1, len(cells)):
        row = " | ".join(cell.replace("|", "\\|") for cell in cells)
    return f"| {row} |"


def fenced(code: str, language: str = "") -> str:
    """Code between two fences, which are longer than any run of backticks in it."""
    longest = max((len(run) for run in _BACKTICKS.findall(code)), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def too_much_text(limits: FileLimits) -> TooLargeError:
    """To be raised for a file with more text than `limits` allow."""
    return TooLargeError(f"The file holds more than {limits.max_characters:,} characters of text.")


def shortened(label: str) -> str:
    """The label, cut where it is too long to stand above the text."""
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1].rstrip()}…"


class DocumentBuilder:
    """Joins headings, blocks and lines into one text and keeps the sections.

    A new heading begins a new section, except directly under its parent heading: a heading without text of its own
    belongs to the first section below it. Raises TooLargeError as soon as the text or the number of sections grows past
    its limit.
    """

    def __init__(self, limits: FileLimits) -> None:
        self.limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._sections: list[Section] = []
        self._section_start = 0
        self._headings: list[tuple[int, str]] = []
        self._place: Place | None = None
        self._first_heading = ""
        self._only_headings = True
        self._after_line = False
        self._joint: str | None = None

    def heading(self, level: int, text: str) -> None:
        """A heading; a smaller `level` is higher up."""
        label = " ".join(clean(text).split())
        if not label:
            return
        if len(label) > LONGEST_HEADING:
            self.block(text)
            return
        if not self._length:
            self._first_heading = label
        is_first_child = self._only_headings and all(above < level for above, _ in self._headings)
        if not is_first_child:
            self._close_section()
        self._headings = [(above, name) for above, name in self._headings if above < level]
        self._headings.append((level, label))
        self._append(label, separator="\n\n")

    def block(self, text: str) -> None:
        """A paragraph, or any text that stands for itself."""
        self._append_body(text, is_line=False)

    def code(self, text: str, *, language: str = "") -> None:
        """Code, or other text whose lines stand as they are. It comes between fences, by which it is known as one block."""
        code = _EMPTY_EDGES.sub("", clean(text))
        if code.strip():
            self._append_body(fenced(code, language), is_line=False)

    def line(self, text: str) -> None:
        """A table row or list item: the next line follows directly."""
        self._append_body(text, is_line=True)

    def under(self, *names: str) -> None:
        """What follows is under these headings, outermost first, which are no part of the text themselves."""
        self._close_section()
        labels = [shortened(" ".join(clean(name).split())) for name in names]
        self._headings = [(level, label) for level, label in enumerate(labels, start=1) if label]

    def leave_headings(self) -> None:
        """What follows is under no heading."""
        self._close_section()
        self._headings = []

    def place(self, place: Place, *, joint: str | None = None) -> None:
        """What follows lies at `place`; behind `joint`, where it goes on with a sentence from the place before."""
        self._close_section(goes_on=joint is not None)
        self._place = place
        self._joint = joint

    @property
    def length(self) -> int:
        """How many characters have come."""
        return self._length

    def finish(self, *, title: str = "", metadata: dict[str, str] | None = None, headline: str = "") -> ParsedDocument:
        """The document; its title is the one given, else its first heading. EmptyTextError when it has no text."""
        self._close_section()
        if not self._sections:
            raise EmptyTextError("The file holds no text.")
        shown_title = " ".join(clean(title).split()) or self._first_heading
        return ParsedDocument(
            text="".join(self._parts),
            sections=tuple(self._sections),
            title=shown_title[:LONGEST_TITLE],
            metadata={name: clean(value) for name, value in (metadata or {}).items()},
            headline=" ".join(clean(headline).split())[:LONGEST_TITLE],
        )

    def _append_body(self, text: str, *, is_line: bool) -> None:
        body = _BLANK_LINES.sub("\n\n", clean(text)).rstrip().lstrip("\n")
        if body.strip():
            self._append(body, separator="\n" if is_line and self._after_line else "\n\n")
            self._only_headings = False
            self._after_line = is_line

    def _append(self, text: str, *, separator: str) -> None:
        is_section_start = self._length == self._section_start
        if self._joint is not None:
            separator, self._joint = self._joint, None
        self._add(separator if self._length else "")
        if is_section_start:
            self._section_start = self._length
        self._add(text)
        self._after_line = False

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > self.limits.max_characters:
            raise too_much_text(self.limits)

    def _close_section(self, *, goes_on: bool = False) -> None:
        if self._length > self._section_start:
            path = tuple(name for _, name in self._headings)
            self._sections.append(Section(self._section_start, self._length, path, self._place, goes_on))
            if len(self._sections) > self.limits.max_sections:
                raise TooLargeError(f"The file is divided into more than {self.limits.max_sections:,} parts.")
        self._section_start = self._length
        self._only_headings = True
