"""Paragraphs of plain text whose lines were broken for sending (RFC 3676, format=flowed)."""

from __future__ import annotations

import re
from dataclasses import dataclass

SIGNATURE = "-- "
# No word goes on behind these, so the space is kept even where the sender says that it is none.
CLAUSE_ENDS = frozenset(".,;:!?")
_QUOTES = re.compile(r">*")


@dataclass(frozen=True, slots=True)
class _Line:
    depth: int
    text: str

    @property
    def flows(self) -> bool:
        """Whether the paragraph goes on in the next line."""
        return self.text.endswith(" ") and self.text != SIGNATURE


def unflowed(text: str, *, drops_space: bool) -> str:
    """The text with each paragraph in a line; with `drops_space` (DelSp) the space at a line's end is no part of it."""
    paragraphs: list[list[str]] = []
    before: _Line | None = None
    for line in map(_read, text.replace("\r\n", "\n").split("\n")):
        ends_clause = line.text[-2:-1] in CLAUSE_ENDS
        shown = line.text[:-1] if drops_space and line.flows and not ends_clause else line.text
        if before is not None and before.flows and before.depth == line.depth and line.text != SIGNATURE:
            paragraphs[-1].append(shown)
        else:
            paragraphs.append([f"{'>' * line.depth} ", shown] if line.depth else [shown])
        before = line
    return "\n".join(map("".join, paragraphs))


def _read(line: str) -> _Line:
    quotes = _QUOTES.match(line)
    depth = quotes.end() if quotes else 0
    # A space before the text was put there by the sender's program.
    return _Line(depth, line[depth:].removeprefix(" "))
