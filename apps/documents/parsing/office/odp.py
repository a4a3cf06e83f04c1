"""OpenDocument presentations (.odp)."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.errors import TooLargeError
from apps.documents.parsing.office.odf import OdfWriter, content, inline_text, odf_title, open_odf
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.xml_elements import attribute, children, descendants, local_name

# The same on every slide.
MARGINS = frozenset({"page-number", "date-time", "footer", "header"})


class OdpParser:
    """Takes slide after slide: its title as the heading, then its frames, and the speaker's notes."""

    name = "odp"
    types = frozenset({DocumentType.ODP})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """One section or more a slide.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_odf(path, limits) as archive:
            builder = DocumentBuilder(limits)
            slides = list(children(content(archive, "presentation"), "page"))
            if len(slides) > limits.max_pages:
                raise TooLargeError(f"There are {len(slides):,} slides; the most that is read is {limits.max_pages:,}.")
            for number, slide in enumerate(slides, start=1):
                builder.leave_headings()
                builder.place(Place(PlaceKind.SLIDE, number))
                _write_slide(slide, builder)
            return builder.finish(title=odf_title(archive), metadata={"slides": str(len(slides))})


def _write_slide(slide: etree._Element, builder: DocumentBuilder) -> None:
    shapes = [shape for shape in slide if attribute(shape, "class") not in MARGINS]
    for shape in shapes:
        if attribute(shape, "class") == "title":
            builder.heading(1, " ".join(map(inline_text, descendants(shape, "p"))))
    writer = OdfWriter(builder)
    for shape in shapes:
        if attribute(shape, "class") != "title" and local_name(shape):
            writer.write(shape)
