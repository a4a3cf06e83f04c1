"""What of a passage can be quoted as an answer: its sentences, rows of its tables, lines of its lists. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from apps.documents.sentences.splitting import STOPS
from apps.documents.sentences.statements import says_something, statement_spans
from apps.retrieval.answers.tables import (
    LONGEST_HEADING,
    NO_TABLES,
    TableHead,
    TableHeads,
    TableLine,
    is_group,
    is_row,
    line_above,
    row_cells,
)
from apps.retrieval.search.passages import Passage

MOST_PASSAGES = 6
"""The best ones: what is further down holds the answer in one of a hundred questions."""

SHORT_LINE = 48
"""Characters: lines that are all shorter, and end in no full stop, are entries of a list or rows of a table without marks."""

_LINE = re.compile(r"[^\n]+")
_ENDS = re.compile(rf"[:;,，；：、{STOPS}]['\"”’»)\]」』）】]*\s*$")
_BULLET = re.compile(r"^\s*(?:[-*•‣◦·–]|\d{1,3}[.)])\s+")


class UnitKind(StrEnum):
    SENTENCE = "sentence"
    ROW = "row"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Unit:
    """Characters `start` to `end` of a passage's text; a row of a table has the table's head, as far as it is known.

    `order` counts the units of its passage, `before` is the text of the one before it.
    """

    passage: Passage
    rank: int
    start: int
    end: int
    kind: UnitKind
    order: int = 0
    table: TableHead | None = None
    before: str = ""

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def head(self) -> tuple[str, ...]:
        """Of a row, the names of its columns; empty where they are not known."""
        return self.table.cells if self.table else ()

    @property
    def cells(self) -> tuple[str, ...]:
        """Of a row."""
        return row_cells(self.text)


@dataclass(frozen=True, slots=True)
class _Found:
    start: int
    end: int
    kind: UnitKind
    table: TableHead | None = None


def units_of(passages: Sequence[Passage], heads: TableHeads = NO_TABLES) -> list[Unit]:
    """The units of the passages, best passage first, of those after the first MOST_PASSAGES the rows alone; a span that
    overlapping passages share counts once.
    """
    seen: set[tuple[object, int, int]] = set()
    units: list[Unit] = []
    for rank, passage in enumerate(passages):
        if rank >= MOST_PASSAGES and "|" not in passage.text:
            continue
        before = ""
        for order, found in enumerate(_found(passage, heads.get(passage.chunk_id))):
            if rank >= MOST_PASSAGES and found.kind is not UnitKind.ROW:
                continue
            unit = Unit(passage, rank, found.start, found.end, found.kind, order, found.table, before)
            before = unit.text
            place = (passage.version_id, passage.start + found.start, passage.start + found.end)
            if place not in seen:
                seen.add(place)
                units.append(unit)
    return units


def _found(passage: Passage, head: TableHead | None) -> Iterator[_Found]:
    """The units of a passage in order: its tables row by row, what is between them sentence by sentence."""
    lines = [(line.start(), line.end(), is_row(line.group())) for line in _LINE.finditer(passage.text)]
    for in_table, group in groupby(lines, key=lambda line: line[2]):
        spans = [(start, end) for start, end, _ in group]
        if not in_table:
            yield from _prose(passage, spans[0][0], spans[-1][1])
        elif head and spans[0][0] == lines[0][0]:
            yield from _rows(passage, spans, head)
        else:
            yield from _rows(passage, spans[1:], _head(passage, *spans[0]))


def _head(passage: Passage, start: int, end: int) -> TableHead:
    """The head of a table that begins within the passage."""
    return TableHead(TableLine(passage.start + start, passage.text[start:end]), line_above(passage.text[:start]))


def _rows(passage: Passage, spans: Sequence[tuple[int, int]], head: TableHead) -> Iterator[_Found]:
    for start, end in spans:
        line = passage.text[start:end]
        if is_group(line):
            head = replace(head, group=TableLine(passage.start + start, line))
        elif any(row_cells(line)):
            yield _Found(*_trimmed(passage.text, start, end), UnitKind.ROW, head)


def _prose(passage: Passage, first: int, last: int) -> Iterator[_Found]:
    text = passage.text
    for start, end in statement_spans(text[first:last]):
        span = _without_heading(text, first + start, first + end, passage.heading_path)
        lines = _short_lines(text, *span)
        if len(lines) > 1:
            yield from (_Found(*line, UnitKind.LINE) for line in lines if _says(text[slice(*line)]))
        elif says_something(text[slice(*span)]) and not _is_aside(passage, span):
            yield _Found(*span, UnitKind.SENTENCE)


def _is_aside(passage: Passage, span: tuple[int, int]) -> bool:
    """Whether it is a heading, or the end of a sentence that begins before the passage."""
    text = passage.text[slice(*span)]
    is_cut = passage.start > 0 and span[0] == 0 and text[0].islower() and span[1] < len(passage.text)
    return is_cut or text in passage.heading_path


def _says(line: str) -> bool:
    return len(line.split()) > 1


def _without_heading(text: str, start: int, end: int, heading_path: Sequence[str]) -> tuple[int, int]:
    """The sentence without lines before it that are a heading: short, without a full stop, and a sentence begins after them."""
    while (cut := text.find("\n", start, end)) > 0:
        line, rest = text[start:cut].strip(), text[cut:end].lstrip()
        is_heading = line in heading_path or (
            len(line) <= LONGEST_HEADING and not ends(line) and _begins(rest) and ends(rest)
        )
        if not is_heading or _BULLET.match(line) or not says_something(rest):
            break
        start = end - len(rest)
    return start, end


def _begins(text: str) -> bool:
    return text[:1].isupper()


def _short_lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The lines of what is no sentence but a list; none where it is one."""
    lines = [_trimmed(text, start + one.start(), start + one.end()) for one in _LINE.finditer(text[start:end])]
    short = all(last - first <= SHORT_LINE and not ends(text[first:last]) for first, last in lines)
    return lines if short else []


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def ends(text: str) -> bool:
    """Whether a text ends as a sentence does."""
    return bool(_ENDS.search(text))


def without_bullet(text: str) -> str:
    """A list's entry without its mark."""
    return _BULLET.sub("", text, count=1)
