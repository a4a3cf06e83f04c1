"""PDF files, made when a test needs one."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

from reportlab.pdfgen.canvas import Canvas

LINES_OF_PAGE = 30


def pdf_of(*pages: Sequence[str], turned: Collection[int] = (), size: tuple[float, float] = (595, 842)) -> bytes:
    """A PDF with these lines on its pages; those whose numbers are `turned` stand on their side."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=size)
    for number, lines in enumerate(pages, start=1):
        canvas.setPageRotation(90 if number in turned else 0)
        text = canvas.beginText(60, size[0 if number in turned else 1] - 60)
        text.setFont("Helvetica", 11)
        text.textLines(list(lines))
        canvas.drawText(text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def pdf_with_lost_page() -> bytes:
    """A PDF of two pages, the second of which is nowhere in the file."""
    whole = pdf_of(["The harbour has 42 berths."], ["This page gets lost."])
    kids = whole[whole.index(b"/Kids [") : whole.index(b"]", whole.index(b"/Kids ["))]
    second = kids.rstrip().rsplit(b" ", 3)[-3]
    lost = kids[: kids.rindex(second)] + b"0" * len(second) + kids[kids.rindex(second) + len(second) :]
    return whole.replace(kids, lost)
