"""What a sheet of an Excel workbook says about its cells behind them: which ones are merged, and where they link to.

Rows are read one by one, and both stand after the last of them: the end of the part is looked through first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import NamedTuple

from apps.documents.parsing.numerals import Numeral, numeral
from apps.documents.parsing.office.opc import addresses, all_relations
from apps.documents.parsing.scripts import with_target
from apps.documents.parsing.tabular.spans import MOST_REPEATED, repeated
from apps.documents.parsing.xml_archive import XmlArchive

LETTERS = 26
_CELLS_END = re.compile(rb"</(?:\w+:)?sheetData\s*>")
_COLUMN = re.compile(r"[A-Z]{1,3}")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref=[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']")
_LINK = re.compile(rb"<(?:\w+:)?hyperlink\s[^>]*>")
_REFERENCE = re.compile(r"\bref=[\"']([A-Z]{1,3})(\d{1,7})(?::[A-Z]{1,3}\d{1,7})?[\"']")
_RELATION = re.compile(r"\b\w+:id=[\"']([^\"']*)[\"']")


class Merged(NamedTuple):
    """Cells that are one: the first and the last row, from 1, and column, from 0."""

    top: int
    left: int
    bottom: int
    right: int


class Spread(NamedTuple):
    """A row with the texts of merged cells in all their columns and rows."""

    texts: Sequence[str]
    has_spans: bool = False
    is_under_spans: bool = False


@dataclass(slots=True)
class SheetMarks:
    """Merged cells by the row they begin in, and addresses by row and column; rows must be asked for in their order."""

    merged: Mapping[int, Sequence[Merged]]
    links: Mapping[int, Mapping[int, str]]
    reaching: list[tuple[Merged, str]] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.merged and not self.links

    def linked(self, number: int, texts: list[str]) -> list[str]:
        """The row with the addresses that its cells link to."""
        for column, target in self.links.get(number, {}).items():
            if column < len(texts):
                texts[column] = with_target(texts[column], target)
        return texts

    def spread(self, number: int, texts: list[str]) -> Spread:
        """The row with the texts of merged cells; a cell that has the row to itself is not repeated in it."""
        if not any(texts):
            return Spread(texts)
        self.reaching = [(cells, text) for cells, text in self.reaching if cells.bottom >= number]
        is_under = [self._fill(texts, cells, text) for cells, text in self.reaching]
        is_alone = sum(map(bool, texts)) == 1
        begun = [(cells, texts[cells.left]) for cells in self.merged.get(number, ()) if cells.left < len(texts)]
        self.reaching += [(cells, text) for cells, text in begun if cells.bottom > number and text]
        wide = [(cells, text) for cells, text in begun if cells.right > cells.left and text and not is_alone]
        has_spans = [self._fill(texts, cells, text) for cells, text in wide]
        return Spread(texts, any(has_spans), any(is_under))

    @staticmethod
    def _fill(texts: list[str], cells: Merged, text: str) -> bool:
        right = min(cells.right, cells.left + MOST_REPEATED)
        texts.extend([""] * (right + 1 - len(texts)))
        for column in range(cells.left, right + 1):
            texts[column] = texts[column] or repeated(text)
        return True


def column_of(reference: str) -> int | None:
    """The column of a reference such as "BC7", from 0; None where it names none."""
    letters = _COLUMN.match(reference)
    return _number(letters[0]) if letters else None


def column_name(column: int) -> str:
    """The letters of a column, from 0."""
    return numeral(column + 1, Numeral.UPPER_LETTER)


def read_marks(archive: XmlArchive, part: str) -> SheetMarks:
    """The merged cells and links of a sheet.

    Raises what `XmlArchive.xml` raises for the part's relations.
    """
    end = archive.tail(part, behind=_CELLS_END)
    merged: dict[int, list[Merged]] = {}
    for found in _MERGED.finditer(end):
        left, top, right, bottom = found[1].decode(), int(found[2]), found[3].decode(), int(found[4])
        merged.setdefault(top, []).append(Merged(top, _number(left), bottom, _number(right)))
    return SheetMarks(merged, _links(archive, part, end))


def _links(archive: XmlArchive, part: str, end: bytes) -> dict[int, dict[int, str]]:
    tags = [unescape(tag[0].decode("utf-8", "replace")) for tag in _LINK.finditer(end)]
    targets = addresses(all_relations(archive, part)) if tags else {}
    links: dict[int, dict[int, str]] = {}
    for tag in tags:
        cell, relation = _REFERENCE.search(tag), _RELATION.search(tag)
        if cell and relation and relation[1] in targets:
            links.setdefault(int(cell[2]), {})[_number(cell[1])] = targets[relation[1]]
    return links


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * LETTERS + ord(letter) - ord("A") + 1
    return number - 1
