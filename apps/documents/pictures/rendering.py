"""Draws a page of a PDF by PDFium. It is not thread-safe: draw in one thread of a process at a time."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from apps.documents.parsing.errors import DamagedFileError
from apps.documents.parsing.pdf.pages import pdf_opened
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


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A page as a WebP picture of so many pixels; for each character of its text the box, or nothing without a text layer."""

    picture: bytes
    width: int
    height: int
    boxes: Boxes


def page_drawn(path: Path, number: int, text: str) -> DrawnPage:
    """Page `number`, from 1, of a PDF that was parsed; `text` is what it was found to say.

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
            return DrawnPage(picture, width, height, page_boxes(page, text))
        finally:
            page.close()


def page_boxes(page: pypdfium2.PdfPage, text: str) -> Boxes:
    """Where each character of the page's text lies; nothing where the page has no text layer, or one that is too large."""
    try:
        letters = page.get_textpage()
    except pypdfium2.PdfiumError:
        return []
    try:
        number = letters.count_chars()
        if not number or number > MOST_CHARACTERS or len(text) > MOST_CHARACTERS:
            return []
        drawn = [_character(letters, at) for at in range(number)]
        places = aligned(drawn, text)
        onto = _onto_picture(page)
        boxes = [None if place is None else _box(letters, place, onto) for place in places]
        return boxes if any(boxes) else []
    finally:
        letters.close()


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


def _character(letters: pypdfium2.PdfTextPage, at: int) -> str:
    code = pdfium.FPDFText_GetUnicode(letters, at)
    return chr(code) if code <= 0x10FFFF else ""


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


def _box(letters: pypdfium2.PdfTextPage, at: int, onto: _Onto) -> Rectangle | None:
    """The character's box with the height of its line; None where it lies outside of what is shown, or has no size."""
    told: Any = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(letters, at, told):
        return None
    corners = [onto.fractions(told.left, told.top), onto.fractions(told.right, told.bottom)]
    (left, right), (top, bottom) = (sorted(min(1.0, max(0.0, one[axis])) for one in corners) for axis in (0, 1))
    return Rectangle(left, top, right, bottom) if left < right and top < bottom else None


def _damaged(number: int) -> DamagedFileError:
    return DamagedFileError(f"Page {number:,} is damaged, so it can't be drawn.", action=READ_INSTEAD)
