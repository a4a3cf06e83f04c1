"""Excel workbooks (.xlsx), of the transitional and of the strict kind of the standard (ECMA-376, part 1, ch. 18).

Sheets are read row by row and never held whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.office.number_formats import NumberFormats, read_number_formats
from apps.documents.parsing.office.opc import core_title, main_part, related, relation_key, relations
from apps.documents.parsing.office.sheet_marks import column_of, read_marks
from apps.documents.parsing.office.sheet_remarks import rich_text, write_remarks
from apps.documents.parsing.scripts import with_target
from apps.documents.parsing.tabular.tables import TableWriter, sheet_place
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, words

MOST_COLUMNS = 16_384
TRUTH = {"1": "TRUE", "0": "FALSE"}
_LINK = re.compile(r'\s*HYPERLINK\(\s*"(?P<target>(?:[^"]|"")*)"', re.IGNORECASE)


class XlsxParser:
    """Takes the sheets that are shown, in bands of rows, then each sheet's comments, text boxes and charts."""

    name = "xlsx"
    types = frozenset({DocumentType.XLSX})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The values that the cells show; a formula stands only where its value is not stored.

        Raises EncryptedFileError, UnsafeArchiveError, UnsafeXmlError, DamagedFileError, EmptyTextError, TooLargeError.
        """
        with open_archive(path, limits) as opened:
            archive = XmlArchive(opened, limits)
            workbook = _Workbook.read(archive, limits)
            builder = DocumentBuilder(limits)
            for sheet in workbook.sheets:
                if sheet.is_shown:
                    _write_sheet(archive, workbook, sheet, builder)
            return builder.finish(title=core_title(archive), metadata=_metadata(workbook.sheets))


@dataclass(frozen=True, slots=True)
class _Sheet:
    name: str
    part: str
    is_shown: bool


@dataclass(frozen=True, slots=True)
class _Workbook:
    """What all sheets share."""

    sheets: tuple[_Sheet, ...]
    strings: list[str]
    formats: NumberFormats

    @classmethod
    def read(cls, archive: XmlArchive, limits: FileLimits) -> _Workbook:
        main = main_part(archive)
        root = archive.part(main)
        targets = {relation.key: relation for relation in relations(archive, main)}
        sheets = [
            _Sheet(attribute(entry, "name"), targets[key].target, attribute(entry, "state") in {"", "visible"})
            for entry in children(child(root, "sheets"), "sheet")
            if (key := relation_key(entry)) in targets and targets[key].kind == "worksheet"
        ]
        is_from_1904 = attribute(child(root, "workbookPr"), "date1904") in {"1", "true"}
        styles = archive.xml(next(related(archive, main, "styles"), ""))
        strings = _shared_strings(archive, next(related(archive, main, "sharedStrings"), ""), limits)
        return cls(tuple(sheets), strings, read_number_formats(styles, is_from_1904=is_from_1904))


def _shared_strings(archive: XmlArchive, name: str, limits: FileLimits) -> list[str]:
    strings: list[str] = []
    if name not in archive.names:
        return strings
    for entry in archive.stream(name, element="si"):
        strings.append(rich_text(entry))
        if len(strings) > limits.max_values:
            raise TooLargeError(f"The workbook has more than {limits.max_values:,} different texts.")
    return strings


def _write_sheet(archive: XmlArchive, workbook: _Workbook, sheet: _Sheet, builder: DocumentBuilder) -> None:
    table = TableWriter(builder, place=partial(sheet_place, sheet.name), headings=(sheet.name,))
    marks = read_marks(archive, sheet.part)
    number = 0
    for row in archive.stream(sheet.part, element="row"):
        given = attribute(row, "r")
        number = int(given) if given.isdecimal() and int(given) > number else number + 1
        cells = _cells(row, workbook)
        if marks.is_empty:
            table.row(number, cells)
        else:
            spread = marks.spread(number, marks.linked(number, cells))
            table.row(number, spread.texts, has_spans=spread.has_spans, is_under_spans=spread.is_under_spans)
    table.end_table()
    write_remarks(archive, sheet.name, sheet.part, builder)


def _cells(row: etree._Element, workbook: _Workbook) -> list[str]:
    texts: list[str] = []
    for cell in row.iterchildren("{*}c"):
        column = _column(cell.get("r", ""), default=len(texts))
        if column > len(texts):
            texts.extend([""] * (column - len(texts)))
        texts.append(_cell_text(cell, workbook))
    return texts


def _column(reference: str, *, default: int) -> int:
    """The column of a reference such as "BC7", from 0; never left of `default`."""
    column = column_of(reference)
    if column is None:
        return default
    if column >= MOST_COLUMNS:
        raise DamagedFileError(f"The cell {reference!r} lies outside of any sheet.")
    return max(column, default)


def _cell_text(cell: etree._Element, workbook: _Workbook) -> str:
    value = words(child(cell, "v"))
    style = cell.get("s", "0")
    match cell.get("t", "n"):
        case "s":
            known = value.isdecimal() and int(value) < len(workbook.strings)
            return workbook.formats.shown_text(workbook.strings[int(value)], style=style) if known else ""
        case "inlineStr":
            return workbook.formats.shown_text(rich_text(child(cell, "is")), style=style)
        case "b":
            return TRUTH.get(value, value)
        case "str":
            return with_target(workbook.formats.shown_text(value, style=style), _target(cell))
        case "e" | "d":
            return value
        case _:
            return workbook.formats.shown(value, style=style) if value else _formula(cell)


def _target(cell: etree._Element) -> str:
    """Where a cell leads whose formula makes a link; "" for any other."""
    link = _LINK.match(words(child(cell, "f")))
    return link["target"].replace('""', '"') if link else ""


def _formula(cell: etree._Element) -> str:
    """What a cell says whose formula has no stored value: programs write such workbooks, and only Excel computes them."""
    formula = child(cell, "f")
    if formula is None:
        return ""
    text = words(formula).strip()
    return f"={text} (not calculated)" if text else "(not calculated)"


def _metadata(sheets: tuple[_Sheet, ...]) -> dict[str, str]:
    hidden = [sheet.name for sheet in sheets if not sheet.is_shown]
    metadata = {"sheets": str(len(sheets)), "sheets_hidden_not_read": ", ".join(hidden)}
    return {name: value for name, value in metadata.items() if value}
