"""Excel workbooks (.xlsx), of the transitional and of the strict kind of the standard (ECMA-376, part 1, ch. 18).

Sheets are read row by row and never held whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lxml import etree

from apps.documents.parsing.archives import open_archive
from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.office.drawingml import chart_lines, paragraph_texts
from apps.documents.parsing.office.number_formats import NumberFormats, read_number_formats
from apps.documents.parsing.office.opc import core_title, main_part, related, relation_key, relations
from apps.documents.parsing.tabular.tables import TableWriter, sheet_place
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument, Place, PlaceKind
from apps.documents.parsing.xml_archive import XmlArchive
from apps.documents.parsing.xml_elements import attribute, child, children, descendants, local_name, words

MOST_COLUMNS = 16_384
LETTERS = 26
_COLUMN = re.compile(r"[A-Z]{1,3}")
TRUTH = {"1": "TRUE", "0": "FALSE"}


class XlsxParser:
    """Takes the sheets that are shown, in bands of rows, then each sheet's comments, text boxes and charts."""

    name = "xlsx"
    types = frozenset({DocumentType.XLSX})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The values that the cells show; formulas are left out.

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
        strings.append(_rich_text(entry))
        if len(strings) > limits.max_values:
            raise TooLargeError(f"The workbook has more than {limits.max_values:,} different texts.")
    return strings


def _rich_text(element: etree._Element | None) -> str:
    """The words of a text, which may come in runs; the phonetic guide to Japanese words is no part of it."""
    if element is None:
        return ""
    direct = "".join(map(words, children(element, "t")))
    return direct + "".join(words(child(run, "t")) for run in children(element, "r"))


def _write_sheet(archive: XmlArchive, workbook: _Workbook, sheet: _Sheet, builder: DocumentBuilder) -> None:
    table = TableWriter(builder, place=partial(sheet_place, sheet.name), headings=(sheet.name,))
    number = 0
    for row in archive.stream(sheet.part, element="row"):
        given = attribute(row, "r")
        number = int(given) if given.isdecimal() and int(given) > number else number + 1
        table.row(number, _cells(row, workbook))
    table.end_table()
    _write_remarks(archive, sheet, builder)


def _cells(row: etree._Element, workbook: _Workbook) -> list[str]:
    texts: list[str] = []
    for cell in children(row, "c"):
        column = _column(attribute(cell, "r"), default=len(texts))
        texts.extend([""] * (column - len(texts)))
        texts.append(_cell_text(cell, workbook))
    return texts


def _column(reference: str, *, default: int) -> int:
    """The column of a reference such as "BC7", from 0; never left of `default`."""
    letters = _COLUMN.match(reference)
    if letters is None:
        return default
    number = 0
    for letter in letters[0]:
        number = number * LETTERS + ord(letter) - ord("A") + 1
    if number > MOST_COLUMNS:
        raise DamagedFileError(f"The cell {reference!r} lies outside of any sheet.")
    return max(number - 1, default)


def _cell_text(cell: etree._Element, workbook: _Workbook) -> str:
    value = words(child(cell, "v"))
    match attribute(cell, "t"):
        case "s":
            return workbook.strings[int(value)] if value.isdecimal() and int(value) < len(workbook.strings) else ""
        case "inlineStr":
            return _rich_text(child(cell, "is"))
        case "b":
            return TRUTH.get(value, value)
        case "str" | "e" | "d":
            return value
        case _:
            return workbook.formats.shown(value, style=attribute(cell, "s"))


def _write_remarks(archive: XmlArchive, sheet: _Sheet, builder: DocumentBuilder) -> None:
    lines = list(_remarks(archive, sheet.part))
    if lines:
        builder.place(Place(PlaceKind.SHEET, label=sheet.name))
        builder.under(sheet.name)
    for line in lines:
        builder.line(line)


def _remarks(archive: XmlArchive, part: str) -> Iterator[str]:
    """What lies over the sheet: comments, text boxes, charts."""
    for name in related(archive, part, "comments"):
        for comment in descendants(archive.part(name), "comment"):
            yield f"{attribute(comment, 'ref')}: {_rich_text(child(comment, 'text'))}"
    for name in related(archive, part, "drawing"):
        for shape in archive.part(name).iter():
            if local_name(shape) == "txBody":
                yield from paragraph_texts(shape)
        for chart in related(archive, name, "chart"):
            yield from chart_lines(archive.part(chart))


def _metadata(sheets: tuple[_Sheet, ...]) -> dict[str, str]:
    hidden = [sheet.name for sheet in sheets if not sheet.is_shown]
    metadata = {"sheets": str(len(sheets)), "sheets_hidden_not_read": ", ".join(hidden)}
    return {name: value for name, value in metadata.items() if value}
