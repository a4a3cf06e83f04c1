"""Draws pages of PDFs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

from reportlab.pdfgen.canvas import Canvas

Draw = Callable[[Canvas], None]
Cell = tuple[float, str]
"""A text and where it begins from the left of the page, or, for figures, where it ends."""


def pdf_of(*pages: Draw) -> bytes:
    """A PDF with these pages, each drawn by a function."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    for draw in pages:
        canvas.setFont("Helvetica", 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def lines(*rows: Sequence[Cell] | str, top: float = 760, leading: float = 14) -> Draw:
    """Draws rows from the top of the page, each of texts at their distance from the left."""

    def draw(canvas: Canvas) -> None:
        for number, row in enumerate(rows):
            for x, text in [(60.0, row)] if isinstance(row, str) else row:
                canvas.drawString(x, top - number * leading, text)

    return draw


def figures(*rows: Sequence[str], rights: Sequence[float], top: float, leading: float = 14) -> Draw:
    """Draws rows of a label and figures, which end at `rights`."""

    def draw(canvas: Canvas) -> None:
        for number, (label, *cells) in enumerate(rows):
            canvas.drawString(60, top - number * leading, label)
            for right, cell in zip(rights, cells, strict=False):
                canvas.drawRightString(right, top - number * leading, cell)

    return draw


def centred(*names: tuple[float, float, str]) -> Draw:
    """Draws texts one by one, each around its middle at a height; lines of one text are ten points apart."""

    def draw(canvas: Canvas) -> None:
        for x, y, text in names:
            for number, line in enumerate(text.split("\n")):
                canvas.drawCentredString(x, y - 9 * number, line)

    return draw


def together(*parts: Draw) -> Draw:
    """Draws all of it on one page."""

    def draw(canvas: Canvas) -> None:
        for part in parts:
            part(canvas)

    return draw
