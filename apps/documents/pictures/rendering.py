"""Draws a page of a PDF by PDFium. It is not thread-safe: draw in one thread of a process at a time."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium

from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.pdf.annotations import Mark, marks_on
from apps.documents.parsing.pdf.letters import Box, Letters
from apps.documents.parsing.pdf.ocr import RecognisedWord
from apps.documents.parsing.pdf.pages import pdf_opened
from apps.documents.parsing.pdf.reading import Part, lines_read
from apps.documents.pictures.aligning import aligned
from apps.documents.pictures.boxes import Boxes, Rectangle
from ragsite.core.errors import NotFoundError

DOTS_PER_INCH = 110
POINTS_PER_INCH = 72
MOST_PIXELS = 4_000_000
LONGEST_SIDE = 8_000
MOST_CHARACTERS = 60_000
"""A page with more has no boxes."""

QUALITY = 82
READ_INSTEAD = "Read its text, or download the file."
_FINE = 1 << 24
"""Steps of a page's width and height in which PDFium tells where a point lies, as it does so in whole numbers."""


PageWords = Callable[[pypdfium2.PdfPage], Sequence[RecognisedWord]]
"""The words that are recognised on a page; none where they can't be now."""


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page as a WebP picture of so many pixels; for each character of its text the box, or nothing without a text layer."""

    picture: bytes
    width: int
    height: int
    boxes: Boxes


def page_drawn(path: Path, number: int, text: str, *, words: PageWords | None = None) -> DrawnPage:
    """Page `number`, from 1, of a PDF that was parsed; `text` is what it was found to say.

    `words` tells where the words of a page without a text layer are, if they were recognised.

    Raises:
        DamagedFileError, EncryptedFileError: the file or this page can't be drawn.
        NotFoundError: there is no such page.
    """
    with pdf_opened(path) as pdf:
        if not 1 <= number <= len(pdf):
            raise NotFoundError(f"The PDF has no page {number:,}: it has {len(pdf):,}.")
        try:
            page = pdf[number - 1]
        except pypdfium2.PdfiumError as error:
            raise _damaged(number) from error
        try:
            picture, width, height = _picture(page, number)
            boxes = page_boxes(page, text) or (recognised_boxes(words(page), text) if words and text else [])
            return DrawnPage(picture, width, height, boxes)
        finally:
            page.close()


def page_boxes(page: pypdfium2.PdfPage, text: str) -> Boxes:
    """Where each character of the page's text lies; nothing where the page has no text layer, or one that is too large."""
    try:
        letters = Letters(page)
    except pypdfium2.PdfiumError:
        return []
    try:
        if len(letters.text) > MOST_CHARACTERS or len(text) > MOST_CHARACTERS:
            return []
        onto = _onto_picture(page)
        boxes = [box and _onto_fractions(box, onto) for box in _boxes_of(letters, marks_on(page), text)]
        return boxes if any(boxes) else []
    finally:
        letters.close()


def recognised_boxes(words: Sequence[RecognisedWord], text: str) -> Boxes:
    """Where each character of a text lies that was recognised as these words: each has an equal share of its word's box."""
    drawn: list[tuple[str, Rectangle | None]] = []
    for word in words:
        share = (word.right - word.left) / max(1, len(word.text))
        for at, character in enumerate(word.text):
            left = word.left + at * share
            drawn.append((character, Rectangle(left, word.top, left + share, word.bottom)))
        drawn.append((" ", None))
    places = aligned([character for character, _ in drawn], text)
    boxes = [None if place is None else drawn[place][1] for place in places]
    return boxes if any(boxes) else []


def _boxes_of(letters: Letters, marks: Sequence[Mark], text: str) -> list[Box | None]:
    """For each character of the text its box on the page, which is read as parsing reads it.

    What was parsed before pages were read in columns is found in the order in which it was drawn.
    """
    read = [
        (character, part.box if part.start is None else part.start + min(at, part.length - 1))
        for line in lines_read(letters, marks).lines
        for part in (*line.parts, Part(" "))
        for at, character in enumerate(part.text)
    ]
    as_drawn: list[tuple[str, Box | int | None]] = [(character, at) for at, character in enumerate(letters.text)]
    found = (
        [None if place is None else order[place][1] for place in aligned([one for one, _ in order], text)]
        for order in (read, as_drawn)
    )
    best = max(found, key=lambda sources: sum(source is not None for source in sources))
    return [letters.loose_box(source) if isinstance(source, int) else source for source in best]


def _picture(page: pypdfium2.PdfPage, number: int) -> tuple[bytes, int, int]:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise _damaged(number)
    scale = min(
        DOTS_PER_INCH / POINTS_PER_INCH, (MOST_PIXELS / (width * height)) ** 0.5, LONGEST_SIDE / max(width, height)
    )
    try:
        bitmap = page.render(scale=scale, may_draw_forms=False, limit_image_cache=True)
    except pypdfium2.PdfiumError as error:
        raise _damaged(number) from error
    try:
        image = bitmap.to_pil().convert("RGB")
        written = io.BytesIO()
        image.save(written, "WEBP", quality=QUALITY)
        return written.getvalue(), image.width, image.height
    finally:
        bitmap.close()


@dataclass(frozen=True, slots=True)
class _Onto:
    """From points of the page to fractions of the picture: turned, and cut, as the page says."""

    corner: tuple[float, float]
    origin: tuple[float, float]
    along: tuple[float, float]
    up: tuple[float, float]

    def fractions(self, x: float, y: float) -> tuple[float, float]:
        right, over = x - self.corner[0], y - self.corner[1]
        return (
            self.origin[0] + right * self.along[0] + over * self.up[0],
            self.origin[1] + right * self.along[1] + over * self.up[1],
        )


def _onto_picture(page: pypdfium2.PdfPage) -> _Onto:
    """Found by where PDFium puts three points of the page."""
    left, bottom, _, _ = page.get_bbox()
    far = min(page.get_size())
    origin, along, up = (_told(page, left + x, bottom + y) for x, y in ((0.0, 0.0), (far, 0.0), (0.0, far)))
    return _Onto(
        (left, bottom),
        origin,
        ((along[0] - origin[0]) / far, (along[1] - origin[1]) / far),
        ((up[0] - origin[0]) / far, (up[1] - origin[1]) / far),
    )


def _told(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    across, down = pdfium.c_int(), pdfium.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, x, y, across, down)
    return across.value / _FINE, down.value / _FINE


def _onto_fractions(box: Box, onto: _Onto) -> Rectangle | None:
    """The box, with the height of its line, on the picture; None where it lies outside of what is shown, or has no size."""
    corners = [onto.fractions(box.left, box.top), onto.fractions(box.right, box.bottom)]
    (left, right), (top, bottom) = (sorted(min(1.0, max(0.0, one[axis])) for one in corners) for axis in (0, 1))
    return Rectangle(left, top, right, bottom) if left < right and top < bottom else None


def _damaged(number: int) -> DamagedFileError:
    return DamagedFileError(f"Page {number:,} is damaged, so it can't be drawn.", action=READ_INSTEAD)
