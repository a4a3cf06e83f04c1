"""Reads a page: its characters in reading order, with what was filled in, noted and linked at its place."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import NamedTuple

import pypdfium2

from apps.documents.parsing.pdf.annotations import Kind, Mark, marks_on
from apps.documents.parsing.pdf.furniture import MOST_IN_MARGIN, Margins, Standing
from apps.documents.parsing.pdf.hyphens import hyphen_joined
from apps.documents.parsing.pdf.layout import read_in_order
from apps.documents.parsing.pdf.letters import (
    ANY_WORD,
    HYPHEN,
    Box,
    DrawnLines,
    Letters,
    Line,
    Piece,
    line_spans,
    lines_of,
    words_apart,
)
from apps.documents.parsing.pdf.marking import Insertion, comments_of, insertions_of
from apps.documents.parsing.pdf.regions import NARROWEST_GUTTER
from apps.documents.parsing.pdf.small import Small, small_in
from apps.documents.parsing.pdf.symbols import signs_shown
from apps.documents.parsing.pdf.tables import Block, Cells, HeadCell, Splits, Table
from apps.documents.parsing.scripts import Script, lowered, raised
from apps.documents.parsing.tabular.headers import BETWEEN_HEADERS

MOST = 1 << 30
SAMPLED = 5
"""Lines of a page that tell the usual size of its letters."""

MOST_SIZED = 60
"""Lines of a page whose sizes are told, where they are asked for."""

BLANK_WIDTH = 0.15
"""The least width of a blank in heights of its font."""

_CUTS = (HYPHEN, "-", "‐", "\xad")
_MAY_BE_CUT = (HYPHEN, "- ", "-\r", "‐", "\xad")
_LINE_END = "\r\n"


class Part(NamedTuple):
    """Text of a page: `length` characters as they were drawn, from `start` on, or else what was put in, which lies at `box`."""

    text: str
    start: int | None = None
    box: Box | None = None
    length: int = MOST


class ReadLine(NamedTuple):
    """A line of a page in parts; `is_row` where it is a row of a table."""

    parts: tuple[Part, ...]
    is_row: bool = False

    @property
    def text(self) -> str:
        return self.parts[0].text if len(self.parts) == 1 else "".join([part.text for part in self.parts])


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page's lines in reading order, the comments on it, and, where that was asked for, what stands in its margins, and the
    sizes of its first lines by their numbers.
    """

    lines: tuple[ReadLine, ...]
    comments: tuple[str, ...] = ()
    margins: Margins = field(default_factory=Margins)
    sizes: Mapping[int, float] = field(default_factory=dict)


def page_read(page: pypdfium2.PdfPage, *, sized: bool = False) -> ReadPage:
    """The page's lines, with the sizes of the first of them if it is to be `sized`.

    Raises PdfiumError for a page that is damaged.
    """
    letters = Letters(page)
    try:
        letters.text = signs_shown(letters)
        read = lines_read(letters, marks_on(page))
        sizes = _sizes(letters, read.lines[:MOST_SIZED]) if sized else {}
        return replace(read, margins=_margins(letters, read.lines), sizes=sizes)
    finally:
        letters.close()


def _margins(letters: Letters, lines: Sequence[ReadLine]) -> Margins:
    """Where the page's first and last lines stand, and the size of some lines in all parts of it."""
    number = len(lines)
    edges = {*range(min(MOST_IN_MARGIN, number)), *range(max(0, number - MOST_IN_MARGIN), number)}
    starts = {
        at: _first_of(lines[at]) for at in (*edges, *range(number // (2 * SAMPLED), number, number // SAMPLED + 1))
    }
    boxes = {at: letters.loose_box(start) for at, start in starts.items() if start is not None}
    standing = {at: Standing(box.middle, box.height) for at, box in boxes.items()}
    return Margins(
        {at: one for at, one in standing.items() if at in edges and not lines[at].is_row},
        median(one.size for one in standing.values()) if standing else 0.0,
    )


def _sizes(letters: Letters, lines: Sequence[ReadLine]) -> dict[int, float]:
    """How high the letters are of the lines that go across the page and are no rows, by their numbers."""
    sizes = {at: _size(letters, line) for at, line in enumerate(lines) if not line.is_row}
    return {at: size for at, size in sizes.items() if size}


def _size(letters: Letters, line: ReadLine) -> float:
    """That of the middle one of three letters: a paragraph's first may be larger. 0 of a line that is turned, such as a stamp in
    the margin.
    """
    drawn = [part for part in line.parts if part.start is not None and part.text.strip()]
    if not drawn:
        return 0.0
    among = drawn[len(drawn) // 2]
    ends = (drawn[0], 0), (among, len(among.text) // 2), (drawn[-1], len(drawn[-1].text.rstrip()) - 1)
    first, middle, last = (letters.loose_box((part.start or 0) + at) for part, at in ends)
    if abs(last.left - first.left) < abs(last.middle - first.middle):
        return 0.0
    return median((first.height, middle.height, last.height))


def _first_of(line: ReadLine) -> int | None:
    return next((part.start for part in line.parts if part.start is not None and part.text.strip()), None)


def lines_read(letters: Letters, marks: Sequence[Mark]) -> ReadPage:
    """The lines of the page that `letters` are of, with the marks on it."""
    put_in = [mark for mark in marks if mark.kind is not Kind.COMMENT]
    drawn = lines_of(letters, all_placed=bool(put_in))
    writer = _Writer(letters, drawn, insertions_of(letters, drawn, put_in))
    lines = writer.placed() if drawn.lines else writer.as_drawn()
    return ReadPage(_words_joined(lines, letters.text), comments_of(letters, marks))


class _Writer:
    """Writes the characters of a page as lines, with what is put in between them."""

    def __init__(self, letters: Letters, drawn: DrawnLines, insertions: Sequence[Insertion]) -> None:
        self._letters = letters
        self._drawn = drawn
        self._insertions = insertions
        self._ends = [insertion.at for insertion in insertions]
        self._fields = [insertion.at for insertion in insertions if insertion.is_field]

    def placed(self) -> Iterator[ReadLine]:
        """The lines and tables in reading order, by their places."""
        letters, wide = self._letters, self._drawn.wide
        splits = Splits(
            numbers=lambda piece: words_apart(letters, piece, wide),
            words=lambda piece: words_apart(letters, piece, max(wide, piece.box.height), before=ANY_WORD),
            figures=lambda piece: words_apart(letters, piece, NARROWEST_GUTTER),
        )
        blocks = read_in_order(self._drawn.lines, letters.text, splits)
        for block in blocks:
            yield from self._block(block)

    def as_drawn(self) -> Iterator[ReadLine]:
        """The lines in the order in which they were drawn, with what lies beside them at the end."""
        text = self._letters.text
        small = small_in(self._letters, self._drawn.runs, 0, len(text))
        at = 0
        is_plain = not small and not self._insertions
        for start, end in line_spans(text):
            if is_plain:
                yield ReadLine((Part(text[start:end].strip(), start),))
                continue
            mine = [one for one in small if start <= one.start < end] if small else ()
            yield ReadLine(tuple(self._with_small(start, end, mine, newline="\n")))
            at = end
        for insertion in self._insertions:
            if insertion.at > at:
                yield ReadLine((Part(insertion.written("\n").strip(), box=insertion.box),))

    def _block(self, block: Block) -> Iterator[ReadLine]:
        if isinstance(block, Table) and self._is_form(block):
            for row in _lines_of(block):
                yield from self._block(row)
            return
        if isinstance(block, Table):
            if block.head:
                yield ReadLine(tuple(self._head(block.head)), is_row=True)
            yield from (ReadLine(tuple(self._row(row)), is_row=True) for row in block.rows)
            return
        if len(block) == 1 and len(block[0].runs) == 1 and not self._insertions:
            yield ReadLine(tuple(self._piece(block[0], newline="\n")))
            return
        parts: list[Part] = []
        for piece in block:
            parts += [Part(" ")] * bool(parts) + list(self._piece(piece, newline="\n"))
        if any(part.text.strip() for part in parts):
            yield ReadLine(tuple(parts))

    def _is_form(self, table: Table) -> bool:
        """Whether what stands below each other are the labels of fields."""
        pieces = [piece for row in table.rows for cell in row.cells for piece in cell] if self._fields else []
        filled = sum(bisect_right(self._fields, end) - bisect_left(self._fields, start) for start, end, *_ in pieces)
        return bool(filled) and filled * 2 >= len(table.rows)

    def _head(self, head: Sequence[HeadCell]) -> Iterator[Part]:
        """The head of a table as a row: names over several columns stand before those below them."""
        yield Part("|")
        for cell in head:
            for at, name in enumerate(cell):
                yield Part(BETWEEN_HEADERS if at else " ")
                yield from self._cell(name)
            yield Part(" |" if cell else "  |")

    def _row(self, row: Cells) -> Iterator[Part]:
        yield Part("|")
        for cell in row.cells:
            if cell:
                yield Part(" ")
                yield from self._cell(cell)
            yield Part(" |" if cell else "  |")

    def _cell(self, pieces: Sequence[Piece]) -> Iterator[Part]:
        """What stands in a cell, a word that is cut at the end of a line in one."""
        for at, piece in enumerate(pieces):
            if at:
                yield Part("" if self._is_cut(pieces[at - 1], piece) else " ")
            for part in self._piece(piece, newline=" "):
                is_plain = "|" not in part.text and HYPHEN not in part.text
                yield part if is_plain else part._replace(text=part.text.replace("|", "\\|").replace(HYPHEN, "-"))

    def _is_cut(self, piece: Piece, after: Piece) -> bool:
        text = self._letters.text
        return text[piece.start : piece.end].rstrip().endswith(("-", HYPHEN)) and not piece.box.beside(after.box)

    def _piece(self, piece: Piece, *, newline: str) -> Iterator[Part]:
        if len(piece.runs) == 1 and not self._insertions:
            return self._shown(piece.start, piece.end, is_first=True, is_last=True)
        small = small_in(self._letters, piece.runs, piece.start, piece.end)
        return self._with_small(piece.start, piece.end, small, newline=newline)

    def _with_small(self, start: int, end: int, small: Sequence[Small], *, newline: str) -> Iterator[Part]:
        """Characters of the page in parts, the small ones written as what they are."""
        at, before = start, ""
        for one in small:
            for part in self._said(at, one.start, newline=newline, is_first=at == start):
                yield part
                before = part.text
            said = self._letters.text[one.start : one.end]
            is_raised = one.script is Script.RAISED
            yield Part(raised(said, after=before) if is_raised else lowered(said), one.start, length=len(said))
            at = one.end
        yield from self._said(at, end, newline=newline, is_first=at == start, is_last=True)

    def _said(
        self, start: int, end: int, *, newline: str, is_first: bool = True, is_last: bool = False
    ) -> Iterator[Part]:
        """Characters of the page as they are, and what is put in between them."""
        begin, starts_word = start, is_first
        for insertion in self._insertions[bisect_left(self._ends, start) : bisect_right(self._ends, end)]:
            if insertion.leads_in != (insertion.at == begin):
                continue
            if insertion.leads_in:
                yield from [Part(insertion.written(newline), box=insertion.box)] * starts_word
                continue
            yield from self._shown(start, insertion.at, is_first=is_first, is_last=True)
            yield Part(insertion.written(newline), box=insertion.box)
            start, is_first = insertion.at, False
        yield from self._shown(start, end, is_first=is_first, is_last=is_last)

    def _shown(self, start: int, end: int, *, is_first: bool, is_last: bool) -> Iterator[Part]:
        text = self._letters.text[start:end]
        if is_last:
            text = text.rstrip()
        if is_first:
            start += len(text) - len(text.lstrip())
            text = text.lstrip()
        if not text:
            return
        if _LINE_END not in text:
            yield Part(text, start)
            return
        for line in text.split(_LINE_END):
            gap = " " if line.strip() and not line[0].isspace() and self._is_apart(start) else ""
            yield Part(gap)
            yield Part(line, start)
            start += len(line) + len(_LINE_END)

    def _is_apart(self, at: int) -> bool:
        """Whether there is a blank's room between a character and the one before it that shows."""
        text = self._letters.text
        before = next((place for place in range(at - 1, -1, -1) if not text[place].isspace()), None)
        if before is None or at >= len(text) or text[before] == HYPHEN:
            return False
        one, other = self._letters.box(before), self._letters.box(at)
        return other.left - one.right > BLANK_WIDTH * self._letters.loose_box(at).height


def _lines_of(table: Table) -> Iterator[Line]:
    """The table's head and rows as lines."""
    head = dict.fromkeys(piece for cell in table.head for name in cell for piece in name)
    yield from filter(
        None, [tuple(head), *(tuple(piece for cell in row.cells for piece in cell) for row in table.rows)]
    )


def _words_joined(lines: Iterable[ReadLine], page: str) -> tuple[ReadLine, ...]:
    """The lines, where a word that is cut at the end of one stands whole on it."""
    if not any(cut in page for cut in _MAY_BE_CUT):
        return tuple(lines)
    joined: list[ReadLine] = []
    for line in lines:
        last = joined[-1] if joined else None
        if last is None or last.is_row or line.is_row or not last.parts[-1].text.endswith(_CUTS):
            joined.append(line)
            continue
        whole = hyphen_joined(last.text, line.text, page)
        if whole is None:
            joined.append(line)
            continue
        moved = len(line.text) - len(whole[1])
        cut, rest = _split(line.parts, moved)
        end = last.parts[-1]
        kept = whole[0][len(last.text) - 1 :].startswith("-")
        mended = end._replace(text=end.text[:-1] + "-" * kept)
        joined[-1] = ReadLine((*last.parts[:-1], mended, *_stripped(cut)))
        if rest:
            joined.append(ReadLine(rest))
    return tuple(map(_hyphens_shown, joined)) if HYPHEN in page else tuple(joined)


def _split(parts: Sequence[Part], at: int) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """The parts before and after a character of their text."""
    before: list[Part] = []
    for number, part in enumerate(parts):
        if at < len(part.text):
            rest = part._replace(text=part.text[at:], start=None if part.start is None else part.start + at)
            head = [part._replace(text=part.text[:at])] if at else []
            return (*before, *head), (rest, *parts[number + 1 :])
        before.append(part)
        at -= len(part.text)
    return tuple(before), ()


def _stripped(parts: Sequence[Part]) -> tuple[Part, ...]:
    return (*parts[:-1], parts[-1]._replace(text=parts[-1].text.rstrip())) if parts else ()


def _hyphens_shown(line: ReadLine) -> ReadLine:
    if not any(HYPHEN in part.text for part in line.parts):
        return line
    return line._replace(parts=tuple(part._replace(text=part.text.replace(HYPHEN, "-")) for part in line.parts))
