"""OpenDocument spreadsheets (.ods)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lxml import etree

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.office.odf import Reach, comment_text, content, odf_title, open_odf, repeats
from apps.documents.parsing.office.odf_styles import Styles
from apps.documents.parsing.office.sheet_marks import column_name
from apps.documents.parsing.tabular.spans import spread_row
from apps.documents.parsing.tabular.tables import TableWriter, sheet_place
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, words


class OdsParser:
    """Takes the sheets in bands of rows, then each sheet's comments."""

    name = "ods"
    types = frozenset({DocumentType.ODS})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The cells as they are shown.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_odf(path, limits) as archive:
            builder = DocumentBuilder(limits)
            spreadsheet, styles = content(archive, "spreadsheet")
            for sheet in children(spreadsheet, "table"):
                _write_sheet(sheet, styles, builder)
            return builder.finish(title=odf_title(archive))


def _write_sheet(sheet: etree._Element, styles: Styles, builder: DocumentBuilder) -> None:
    name = attribute(sheet, "name")
    table = TableWriter(builder, place=partial(sheet_place, name), headings=(name,))
    reach = Reach(styles)
    remarks: list[str] = []
    above: list[str] = []
    number = 0
    for row in descendants(sheet, "table-row"):
        cells = reach.cells(row)
        if any(cell.text for cell in cells):
            above = spread_row(cells, above)
            wide = any(cell.columns > 1 and cell.text for cell in cells) and sum(bool(cell.text) for cell in cells) > 1
            under = any(cell.continues for cell in cells)
            for repeated in range(repeats(row, "rows")):
                table.row(number + 1 + repeated, above, has_spans=wide, is_under_spans=under)
        remarks += [_remark(number + 1, column, annotation, styles) for column, annotation in reach.comments]
        number += repeats(row, "rows")
    table.end_table()
    if remarks:
        builder.place(Place(PlaceKind.SHEET, label=name))
        builder.under(name)
    for remark in remarks:
        builder.line(remark)


def _remark(row: int, column: int, annotation: etree._Element, styles: Styles) -> str:
    author = words(child(annotation, "creator")).strip()
    return f"{column_name(column)}{row}: {f'{author}: ' if author else ''}{comment_text(annotation, styles)}"
