"""OpenDocument presentations (.odp)."""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.office.odf import OdfWriter, content, odf_title, open_odf
from apps.documents.parsing.office.odf_styles import Styles
from apps.documents.parsing.office.slide_order import Box, ordered
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.xml_elements import attribute, children, descendants, local_name

# The same on every slide.
MARGINS = frozenset({"page-number", "date-time", "footer", "header"})
# They come after the shapes, in this order.
LAST = ("notes", "annotation")
UNITS = {"cm": 10_000, "mm": 1_000, "in": 25_400, "pt": 25_400 / 72, "pc": 25_400 / 6, "px": 25_400 / 96}
_LENGTH = re.compile(r"(-?\d{1,6}(?:\.\d{1,9})?)(cm|mm|in|pt|pc|px)")


class OdpParser:
    """Takes slide after slide: its title as the heading, its frames from top to bottom, speaker's notes and comments."""

    name = "odp"
    types = frozenset({DocumentType.ODP})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section or more a slide.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_odf(path, limits) as archive:
            builder = DocumentBuilder(limits)
            presentation, styles = content(archive, "presentation")
            slides = list(children(presentation, "page"))
            if len(slides) > limits.max_pages:
                raise TooLargeError(f"There are {len(slides):,} slides; the most that is read is {limits.max_pages:,}.")
            for number, slide in enumerate(slides, start=1):
                builder.leave_headings()
                builder.place(Place(PlaceKind.SLIDE, number))
                _write_slide(slide, styles, builder)
            return builder.finish(title=odf_title(archive), metadata={"slides": str(len(slides))})


def _write_slide(slide: etree._Element, styles: Styles, builder: DocumentBuilder) -> None:
    shapes = [shape for shape in slide if local_name(shape) and attribute(shape, "class") not in MARGINS]
    writer = OdfWriter(builder, styles)
    for shape in shapes:
        if attribute(shape, "class") == "title":
            builder.heading(1, " ".join(map(writer.text, descendants(shape, "p"))))
    drawn = [shape for shape in shapes if attribute(shape, "class") != "title" and local_name(shape) not in LAST]
    for shape in ordered(drawn, [_box(shape) for shape in drawn]):
        _write_shape(shape, writer)
    for shape in (shape for name in LAST for shape in shapes if local_name(shape) == name):
        if local_name(shape) == "annotation":
            writer.comment(shape)
        else:
            writer.write(shape)


def _write_shape(shape: etree._Element, writer: OdfWriter) -> None:
    if local_name(shape) != "g":
        writer.write(shape)
        return
    inner = [one for one in shape if local_name(one)]
    for one in ordered(inner, [_box(one) for one in inner]):
        _write_shape(one, writer)


def _box(shape: etree._Element) -> Box | None:
    """Where a shape lies; a group lies where the first of its shapes does."""
    if local_name(shape) == "g":
        return min((box for box in map(_box, shape) if box is not None), default=None)
    lengths = [_length(attribute(shape, name)) for name in ("y", "x", "height")]
    return Box(lengths[0], lengths[1] or 0, lengths[2] or 0) if lengths[0] is not None else None


def _length(text: str) -> int | None:
    """A length in micrometres."""
    found = _LENGTH.fullmatch(text)
    return round(float(found[1]) * UNITS[found[2]]) if found else None
