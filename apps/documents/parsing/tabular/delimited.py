"""Tables as text: values between commas, semicolons, tabs or bars (RFC 4180 and its relatives)."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.characters import decode, lines_of, read_bytes
from apps.documents.parsing.errors import DamagedFileError, TooLargeError
from apps.documents.parsing.tabular.tables import LONGEST_ROW, TableWriter, row_place
from apps.documents.parsing.types import DocumentType, FileLimits, ParsedDocument

# Commas are in texts and figures, too, so another one that parts the rows as evenly is more likely.
DELIMITERS = ("\t", ";", "|", ",")
SAMPLE_CHARACTERS = 64 * 1024
SAMPLE_ROWS = 50
WEAK = 0.5
_WEAK_COMMA = re.compile(r",(?= )|(?<=\d),(?=\d)")
_ESCAPED_QUOTE = re.compile(r'\\"(?![,;\t|\r\n]|\Z)')
LONGEST_CELL = 131_072
# What a spreadsheet program writes before the first row to say how to read the rest.
_NAMED_DELIMITER = re.compile(r"\Asep=(?P<delimiter>[^\r\n])\r?\n", re.IGNORECASE)


class CsvParser:
    """Takes the rows of a file in bands, with the header as their heading."""

    name = "csv"
    types = frozenset({DocumentType.CSV})

    def parse(self, path: Path, limits: FileLimits) -> ParsedDocument:
        """The table; raises DamagedFileError, EmptyTextError and TooLargeError."""
        text = decode(read_bytes(path, limits))
        named = _NAMED_DELIMITER.match(text)
        delimiter = named["delimiter"] if named else likely_delimiter(text[:SAMPLE_CHARACTERS])
        builder = DocumentBuilder(limits)
        table = TableWriter(builder, place=row_place)
        for number, cells in _rows(text[named.end() :] if named else text, delimiter):
            table.row(number, cells)
        table.end_table()
        return builder.finish()


def likely_delimiter(sample: str) -> str:
    """The delimiter by which the most rows of the sample have the same number of cells, and more than one."""
    evenness = {delimiter: _evenness(sample, delimiter) for delimiter in DELIMITERS if delimiter in sample}
    return max(evenness, key=evenness.__getitem__) if any(evenness.values()) else ","


def _evenness(sample: str, delimiter: str) -> float:
    widths: Counter[int] = Counter()
    try:
        for number, cells in _rows(sample, delimiter):
            if number > SAMPLE_ROWS:
                break
            widths[len(cells)] += len(cells) > 1
    except TooLargeError:
        return 0
    return max(widths.values(), default=0) * (WEAK if delimiter == "," and _are_weak(sample) else 1)


def _are_weak(sample: str) -> bool:
    """Whether most commas are those of sentences and decimals."""
    return len(_WEAK_COMMA.findall(sample)) * 2 > sample.count(",")


def _escape(text: str) -> str | None:
    """What stands before a quotation mark within a cell, where that isn't another one."""
    sample = text[:SAMPLE_CHARACTERS]
    return "\\" if '\\"' in sample and '""' not in sample and _ESCAPED_QUOTE.search(sample) else None


def _checked_lines(text: str) -> Iterator[str]:
    for number, line in enumerate(lines_of(text), start=1):
        if len(line) > LONGEST_ROW:
            raise TooLargeError(f"Line {number:,} of the table has more than {LONGEST_ROW:,} characters.")
        yield line


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(_checked_lines(text), delimiter=delimiter, escapechar=_escape(text))
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, cells
    except csv.Error as error:
        if "field limit" in str(error):
            raise TooLargeError(
                f"A cell after row {number:,} has more than {LONGEST_CELL:,} characters.",
                action="Check that no quotation mark is missing there, or shorten the cell, and upload the file again.",
            ) from error
        raise DamagedFileError(f"The table can't be read after row {number:,}: {error}.") from error
