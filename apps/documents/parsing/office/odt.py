"""OpenDocument texts (.odt)."""

from __future__ import annotations

from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.office.odf import OdfWriter, content, odf_title, open_odf
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument


class OdtParser:
    """Takes the body with its headings, lists and tables, notes and comments after their paragraphs."""

    name = "odt"
    types = frozenset({DocumentType.ODT})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The document's text.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_odf(path, limits) as archive:
            builder = DocumentBuilder(limits)
            text, styles = content(archive, "text")
            OdfWriter(builder, styles).write(text)
            return builder.finish(title=odf_title(archive))
