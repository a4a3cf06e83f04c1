"""Finds what should not be torn: tables and code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from apps.documents.parsing.types import Span


class BlockKind(StrEnum):
    FENCED = "fenced"
    TABLE = "table"
    INDENTED = "indented"


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of the text, `start` to `end` (exclusive)."""

    start: int
    end: int
    kind: BlockKind


_FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})(?P<rest>[^\n]*)$", re.MULTILINE)
_TABLE = re.compile(r"(?:^[ \t]*\|[^\n]*(?:\n|\Z))++", re.MULTILINE)
_INDENTED = re.compile(r"(?:^(?: {4}|\t)[^\n]*\S[^\n]*(?:\n|\Z)(?:[ \t]*\n)*+)++", re.MULTILINE)


def blocks(text: str, start: int, end: int) -> Iterator[Block]:
    """The tables and the code between `start` and `end`, in order, none in another.

    A table is lines that begin with "|". Code stands between two fences, or is indented by four spaces or a tab after
    an empty line. A fence that is never closed is an ordinary line.
    """
    while start > 0 and text[start - 1] in " \t":
        start -= 1
    # Where two begin together, the kind that is named first wins.
    found = [Block(*span, BlockKind.FENCED) for span in _fences(text, start, end)]
    found += [Block(*match.span(), BlockKind.TABLE) for match in _TABLE.finditer(text, start, end)]
    found += [Block(*span, BlockKind.INDENTED) for span in _indented(text, start, end)]
    position = start
    for block in sorted(found, key=lambda block: block.start):
        if block.start >= position:
            yield block
            position = block.end


def _fences(text: str, start: int, end: int) -> Iterator[Span]:
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(text, start, end):
        if opening is None:
            opening = fence if "`" not in fence["rest"] else None
        elif fence["marks"].startswith(opening["marks"]) and not fence["rest"].strip():
            yield opening.start(), fence.end()
            opening = None


def _indented(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _INDENTED.finditer(text, start, end):
        if match.start() == start or text.endswith("\n\n", start, match.start()):
            yield match.span()
