"""OpenDocument spreadsheets (.ods)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.office.odf import content, odf_title, open_odf, repeats, row_texts
from apps.documents.parsing.tabular.tables import TableWriter, sheet_place
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.xml_elements import attribute, children, descendants


class OdsParser:
    """Takes the sheets in bands of rows."""

    name = "ods"
    types = frozenset({DocumentType.ODS})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The cells as they are shown.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_odf(path, limits) as archive:
            builder = DocumentBuilder(limits)
            for sheet in children(content(archive, "spreadsheet"), "table"):
                _write_sheet(sheet, builder)
            return builder.finish(title=odf_title(archive))


def _write_sheet(sheet: etree._Element, builder: DocumentBuilder) -> None:
    name = attribute(sheet, "name")
    table = TableWriter(builder, place=partial(sheet_place, name), headings=(name,))
    number = 0
    for row in descendants(sheet, "table-row"):
        texts = row_texts(row)
        if any(texts):
            for repeated in range(repeats(row, "rows")):
                table.row(number + 1 + repeated, texts)
        number += repeats(row, "rows")
    table.end_table()
