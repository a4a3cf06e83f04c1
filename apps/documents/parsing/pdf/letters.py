"""The characters of a page, and the lines and pieces they stand in, by PDFium.

Asking PDFium for a character's place costs as much as reading some hundred characters. So places are asked for by runs, of
which a page has a few for each line, and by the character only where a line has gaps or something small in it.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

import pypdfium2
import pypdfium2.raw as pdfium

from apps.documents.parsing.types import Span

HYPHEN = "\ufffe"
"""What PDFium gives for the hyphen at the end of a line; the line's end itself it leaves out."""

WIDE_GAP = 1.2
"""Between two pieces of a line, in heights of the page's characters; words are much nearer."""

SAME_LINE = 0.3
"""Two boxes stand on one line if they share this much of the lower one's height."""

MOST_RUNS_A_LINE = 8
"""In a page with more on average, letters are placed one by one; its words are asked for instead."""

MOST_AHEAD = 200
"""Runs or words that are looked at for the one that begins where another thing does."""

MOST_LOOKED_UP = 3_000
"""Characters of a page that are looked up by where they are, which takes as long as the page has characters."""

NARROW = 1.5
FURTHER = 3.0
"""A bullet is as narrow, and what follows is no further off, in widths of a wide gap."""

NEAR = 0.06
BLANK = 0.6
"""The width of a blank in heights of a character at most."""

_LINE = re.compile(rf"[^\r\n{HYPHEN}]*[^\s{HYPHEN}]{HYPHEN}?|{HYPHEN}")
_WORD = re.compile(r"\S+")
NUMBER = re.compile(r"(?<=\s)(?:[$€£¥]|\(*[\d—–*-])")
SIGNS = "$€£¥"
ANY_WORD = re.compile(r"(?<=\s)\S")
_UNITS = ctypes.POINTER(ctypes.c_ushort)
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


class Box(NamedTuple):
    """A part of a page in points, from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom

    @property
    def middle(self) -> float:
        return (self.bottom + self.top) / 2

    def beside(self, other: Box) -> bool:
        """Whether the two stand on one line."""
        _, bottom, _, top = self
        _, low, _, high = other
        shared = (top if top < high else high) - (bottom if bottom > low else low)
        least = min(top - bottom, high - low)
        return shared > SAME_LINE * least

    def around(self, other: Box) -> Box:
        return Box(
            self.left if self.left < other.left else other.left,
            self.bottom if self.bottom < other.bottom else other.bottom,
            self.right if self.right > other.right else other.right,
            self.top if self.top > other.top else other.top,
        )


class Piece(NamedTuple):
    """Characters `start` to `end` (exclusive) of a page that stand together on a line; `runs` are the boxes of their runs."""

    start: int
    end: int
    box: Box
    runs: tuple[Box, ...] = ()


Line = tuple[Piece, ...]
"""The pieces of a line as they were drawn."""

Interval = tuple[float, float]
"""A part of a page's width: its left end and its right one."""


class Letters:
    """The text of an open page as PDFium reads it, and where its characters are. To be closed."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        """Raises PdfiumError for a page that is damaged."""
        self._raw = pdfium.FPDFText_LoadPage(page)
        if not self._raw:
            raise pypdfium2.PdfiumError("The page's text can't be loaded.")
        number = max(0, pdfium.FPDFText_CountChars(self._raw))
        buffer = ctypes.create_string_buffer(2 * number + 2)
        pdfium.FPDFText_GetText(self._raw, 0, number, ctypes.cast(buffer, _UNITS))
        text = buffer.raw[: 2 * number].decode("utf-16-le", "replace")
        # Where a character outside of the basic plane is among them, the two are counted differently.
        self.text = text if len(text) == number and "\0" not in text else "".join(map(self._character, range(number)))
        self._looked_up = 0
        self._edges = tuple(ctypes.c_double() for _ in range(4))
        self._told = tuple(map(ctypes.byref, self._edges))

    def close(self) -> None:
        pdfium.FPDFText_ClosePage(self._raw)

    def box(self, at: int) -> Box:
        """The box of what is printed of a character."""
        pdfium.FPDFText_GetCharBox(self._raw, at, *self._told)
        left, right, bottom, top = self._edges
        return Box(left.value, bottom.value, right.value, top.value)

    def loose_box(self, at: int) -> Box:
        """The box of a character with the height of its font."""
        told: Any = pdfium.FS_RECTF()
        pdfium.FPDFText_GetLooseCharBox(self._raw, at, told)
        return Box(told.left, told.bottom, told.right, told.top)

    def baseline(self, at: int) -> float:
        """The height of the line on which a character stands."""
        x, y = self._edges[:2]
        pdfium.FPDFText_GetCharOrigin(self._raw, at, x, y)
        return y.value

    def at(self, x: float, y: float, reach: float) -> int | None:
        """The character at a point or within `reach` of it."""
        self._looked_up += 1
        if self._looked_up > MOST_LOOKED_UP:
            return None
        found = pdfium.FPDFText_GetCharIndexAtPos(self._raw, x, y, reach, reach)
        return found if found >= 0 else None

    def within(self, part: Box) -> str:
        """What is printed within a part of the page, on one line."""
        hair = min(0.5, part.height / 4)
        edges = (part.left, part.top - hair, part.right, part.bottom + hair)
        number = pdfium.FPDFText_GetBoundedText(self._raw, *edges, None, 0)
        buffer = ctypes.create_string_buffer(2 * max(0, number) + 2)
        pdfium.FPDFText_GetBoundedText(self._raw, *edges, ctypes.cast(buffer, _UNITS), number)
        found = buffer.raw[: 2 * max(0, number)].decode("utf-16-le", "replace")
        return " ".join(found.replace(HYPHEN, "").split())

    def font(self, at: int) -> str:
        """The name of a character's font; empty where it has none."""
        flags, name = ctypes.c_int(), ctypes.create_string_buffer(256)
        length = pdfium.FPDFText_GetFontInfo(self._raw, at, name, len(name), flags)
        return name.raw[: max(0, min(length, len(name)) - 1)].decode("utf-8", "replace")

    def runs(self, most: int) -> list[Box]:
        """The boxes of the runs as they were drawn, which are parts of a line; none where there are more than `most`."""
        number = pdfium.FPDFText_CountRects(self._raw, 0, -1)
        if number > most:
            return []
        boxes, (left, top, right, bottom) = [], self._edges
        ask, raw, told = pdfium.FPDFText_GetRect, self._raw, self._told
        for at in range(number):
            ask(raw, at, *told)
            boxes.append(Box(left.value, bottom.value, right.value, top.value))
        return boxes

    def _character(self, at: int) -> str:
        code = pdfium.FPDFText_GetUnicode(self._raw, at)
        return chr(code) if code <= 0x10FFFF else "\ufffd"


@dataclass(frozen=True, slots=True)
class DrawnLines:
    """A page's lines in the order in which they were drawn; `wide` is the least width of a gap between two pieces.

    There are none where their places can't be told, and where nothing depends on them: each is below the one before and
    has no gap. `runs` are what is known of such a page.
    """

    lines: tuple[Line, ...] = ()
    wide: float = 0.0
    runs: tuple[Box, ...] = ()


def line_spans(text: str) -> Iterator[Span]:
    """The lines of a page's text as PDFium has them, without blanks at their ends, each with its hyphen."""
    return (match.span() for match in _LINE.finditer(text))


def lines_of(letters: Letters, *, all_placed: bool = False) -> DrawnLines:
    """The page's lines; `all_placed` also where each is below the one before."""
    number = letters.text.count("\n") + letters.text.count(HYPHEN) + 1
    if not letters.text or (not letters.text.isascii() and RIGHT_TO_LEFT.search(letters.text)):
        return DrawnLines()
    runs = letters.runs(most=MOST_RUNS_A_LINE * number)
    if not runs:
        return _by_words(letters, list(line_spans(letters.text)))
    wide = WIDE_GAP * median(run.top - run.bottom for run in runs)
    if not all_placed and _go_down(runs, wide):
        return DrawnLines(wide=wide, runs=tuple(runs))
    spans = list(line_spans(letters.text))
    shares = zip(spans, _shared(letters, spans, runs), strict=True)
    lines = [line for span, mine in shares for line in _pieces(letters, span, mine, wide)]
    return DrawnLines(tuple(_mended(lines, wide)), wide)


def _go_down(runs: Sequence[Box], wide: float) -> bool:
    """Whether each run goes on right behind the one before, or is below it, or above all: as heads that are drawn last.

    What stands behind a bullet may stand a little further off.
    """
    first, bottom, right, top = runs[0]
    highest, starts_line = top, True
    for run in runs[1:]:
        left, low, end, high = run
        if high <= bottom + wide / 4 or low >= highest - wide / 4:
            first, starts_line = left, True
            highest = high if high > highest else highest
        elif low < bottom + wide and -wide < left - right < wide * (
            FURTHER if starts_line and right - first < wide * NARROW else 1
        ):
            starts_line = False
        else:
            return False
        bottom, right = low, end
    return True


def _mended(lines: Sequence[Line], wide: float) -> list[Line]:
    """The lines, where one that goes on right beside the one before is one with it: what was raised ends a line for PDFium."""
    mended: list[Line] = []
    for line in lines:
        last = mended[-1][-1] if mended else None
        if last is not None and last.box.beside(line[0].box) and 0 <= line[0].box.left - last.box.right < wide:
            joined = Piece(last.start, line[0].end, last.box.around(line[0].box), (*last.runs, *line[0].runs))
            mended[-1] = (*mended[-1][:-1], joined, *line[1:])
        else:
            mended.append(line)
    return mended


def words_apart(letters: Letters, piece: Piece, wide: float, *, before: re.Pattern[str] = NUMBER) -> list[Piece]:
    """The pieces that one is made of when the gaps before its numbers are looked at, or before what else is to be found.

    A currency's sign stands at the left of its column, which may be nearer to the number of the column before.
    """
    text, parts, rest = letters.text, [], piece
    for found in before.finditer(text, piece.start + 1, piece.end):
        at = found.start()
        end = _end_before(text, rest.start, at)
        if end < rest.start or letters.box(at).left - letters.box(end).right < wide:
            continue
        if text[end] in SIGNS and end > rest.start and text[end - 1].isspace():
            at, end = end, _end_before(text, rest.start, end)
        head, rest = _cut(letters, rest, end, at)
        parts.append(head)
    last = _end_before(text, rest.start, rest.end)
    if last > rest.start and text[last] in SIGNS and text[last - 1].isspace():
        head, rest = _cut(letters, rest, _end_before(text, rest.start, last), last)
        parts.append(head)
    return [*parts, rest]


def _end_before(text: str, start: int, end: int) -> int:
    """The last character from `start` to `end` that shows; what is before `start` where none does."""
    return start + len(text[start:end].rstrip()) - 1


def _cut(letters: Letters, piece: Piece, end: int, start: int) -> tuple[Piece, Piece]:
    """A piece up to the character `end`, and from `start` on."""
    right, left = letters.box(end).right, letters.box(start).left
    return (
        _part(piece, piece.start, end + 1, piece.box._replace(right=right)),
        _part(piece, start, piece.end, piece.box._replace(left=left)),
    )


def _part(piece: Piece, start: int, end: int, box: Box) -> Piece:
    return Piece(start, end, box, tuple(run for run in piece.runs if run.right > box.left and run.left < box.right))


def _shared(letters: Letters, spans: Sequence[Span], runs: Sequence[Box]) -> Iterator[Sequence[Box]]:
    """The runs of each line: from the one that begins where its first character does up to that of the next line."""
    starts, at = [], 0
    for start, end in spans:
        first = letters.box(_first_shown(letters.text, start, end))
        ahead = range(at, min(len(runs), at + MOST_AHEAD))
        found = next((place for place in ahead if _begins(runs[place], first)), None)
        starts.append(at if found is None else found)
        at = at if found is None else found + 1
    for start, end in zip(starts, [*starts[1:], len(runs)], strict=True):
        yield runs[start:end]


def _first_shown(text: str, start: int, end: int) -> int:
    shown = _WORD.search(text, start, end)
    return shown.start() if shown else start


def _begins(run: Box, first: Box) -> bool:
    """Whether the character stands where the run begins, which may be with a blank."""
    is_left = run.left - NEAR < first.left < run.left + max(NEAR, BLANK * run.height)
    return is_left and first.bottom > run.bottom - NEAR and first.top < run.top + NEAR


def _pieces(letters: Letters, span: Span, runs: Sequence[Box], wide: float) -> Iterator[Line]:
    """The pieces of what PDFium has as one line; more than one line where it has taken what is further down with it."""
    groups: list[list[Box]] = []
    for run in runs:
        last = groups[-1][-1] if groups else None
        if last is not None and last.beside(run) and -wide < run.left - last.right < wide:
            groups[-1].append(run)
        else:
            groups.append([run])
    if not groups:
        return
    starts = _starts(letters, span, [group[0] for group in groups])
    line: list[Piece] = []
    for at, group in enumerate(groups):
        start = starts[at]
        if start is None:
            if line:
                line[-1] = _longer(line[-1], group)
            continue
        end = next((later for later in starts[at + 1 :] if later is not None), span[1])
        piece = Piece(start, end, _around(group), tuple(group))
        if line and not line[-1].box.beside(piece.box):
            yield tuple(line)
            line = []
        line.append(piece)
    if line:
        yield tuple(line)


def _starts(letters: Letters, span: Span, firsts: Sequence[Box]) -> list[int | None]:
    """The characters of the line with which the runs begin, each after the one before; None where there is no such word."""
    starts: list[int | None] = [span[0]]
    words = [word.start() for word in _WORD.finditer(letters.text, *span)]
    at = 1
    for first in firsts[1:]:
        ahead = range(at, min(len(words), at + MOST_AHEAD))
        found = next((place for place in ahead if _begins(first, letters.box(words[place]))), None)
        starts.append(None if found is None else words[found])
        at = at if found is None else found + 1
    return starts


def _longer(piece: Piece, group: Sequence[Box]) -> Piece:
    return piece._replace(box=piece.box.around(_around(group)), runs=(*piece.runs, *group))


def _around(boxes: Sequence[Box]) -> Box:
    whole = boxes[0]
    for box in boxes[1:]:
        whole = whole.around(box)
    return whole


def _by_words(letters: Letters, spans: Sequence[Span]) -> DrawnLines:
    """As `lines_of`, by the first and the last character of each word."""
    words = [[match.span() for match in _WORD.finditer(letters.text, *span)] for span in spans]
    boxes = [[letters.box(start).around(letters.box(end - 1)) for start, end in line] for line in words]
    heights = [box.height for line in boxes for box in line]
    if not heights:
        return DrawnLines()
    wide = WIDE_GAP * median(heights)
    shares = zip(words, boxes, strict=True)
    return DrawnLines(tuple(piece for line, mine in shares for piece in _word_pieces(line, mine, wide)), wide)


def _word_pieces(words: Sequence[Span], boxes: Sequence[Box], wide: float) -> Iterator[Line]:
    line: list[Piece] = []
    for (start, end), box in zip(words, boxes, strict=True):
        last = line[-1] if line else None
        if last is not None and not last.box.beside(box):
            yield tuple(line)
            line = [Piece(start, end, box, (box,))]
        elif last is not None and -wide < box.left - last.runs[-1].right < wide:
            line[-1] = Piece(last.start, end, last.box.around(box), (*last.runs, box))
        else:
            line.append(Piece(start, end, box, (box,)))
    if line:
        yield tuple(line)
