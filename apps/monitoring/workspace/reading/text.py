"""A part of a parsed text made ready to be read: headings, prose and tables, with a span marked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apps.documents.admin.wording import where_in_words
from apps.documents.parsing.types import Section, Span
from apps.monitoring.workspace.ask.text import Block, Quote, blocks_of

WINDOW = 6_000
"""Characters that are shown at once."""

BEFORE = 1_500
"""Of them before the span."""

MOST_BESIDE = 400
"""Characters that are looked through for the beginning of a line."""

HIGHEST, LOWEST = 3, 6
"""Levels of headings within the page of a document."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the text, with the level that it has on the page."""

    level: int
    block: Block


@dataclass(frozen=True, slots=True)
class Part:
    """Text under the same headings; `where` says under which, where they don't stand above it."""

    where: str
    headings: tuple[Heading, ...]
    blocks: tuple[Block, ...]


def window_around(span: Span | None, length: int) -> Span:
    """The characters to show so that the span is among them, with what stands before and after it."""
    if span is None:
        return 0, min(WINDOW, length)
    first = max(0, min(span[0] - BEFORE, length - WINDOW))
    return first, min(length, first + WINDOW)


def cut_at_lines(text: str, offset: int, window: Span) -> Span:
    """The window without the halves of lines at its two ends. `text` begins at `offset` and reaches a line beyond the window."""
    first, past = (edge - offset for edge in window)
    if first > 0 and text[first - 1] != "\n":
        line = text.find("\n", first, first + MOST_BESIDE)
        first = line + 1 if line >= 0 else first
    if past < len(text):
        line = text.rfind("\n", max(first + 1, past - MOST_BESIDE), past)
        past = line + 1 if line >= 0 else past
    return first + offset, past + offset


def parts_of(text: str, offset: int, sections: Sequence[Section], span: Span | None) -> list[Part]:
    """The text, which begins at `offset`, section by section."""
    return list(_parts(text, offset, sections, span))


def _parts(text: str, offset: int, sections: Sequence[Section], span: Span | None) -> Iterator[Part]:
    before = ""
    for section in sections:
        first, past = max(section.start, offset), min(section.end, offset + len(text))
        if first >= past:
            continue
        said = text[first - offset : past - offset]
        begins = first == section.start
        labels = _labels(said, section.heading_path) if begins else []
        where = where_in_words(section.heading_path, section.place.to_dict() if section.place else None)
        yield Part(
            where="" if where == before or (labels and section.place is None) else where,
            headings=tuple(_heading(said, level, label, first, span) for level, label in labels),
            blocks=_blocks(said, labels[-1][1][1] if labels else 0, first, span, begins=begins),
        )
        before = where


def _labels(said: str, path: Sequence[str]) -> list[tuple[int, Span]]:
    """The headings that stand at the beginning of the section's text, each with its level."""
    found, at = [], 0
    for level, label in enumerate(path):
        if said.startswith(label, at) and said[at + len(label) : at + len(label) + 1] in ("", "\n"):
            found.append((level, (at, at + len(label))))
            at += len(label)
            at += len(said[at:]) - len(said[at:].lstrip("\n"))
    return found


def _heading(said: str, level: int, label: Span, offset: int, span: Span | None) -> Heading:
    blocks = _blocks(said[: label[1]], label[0], offset, span, begins=False)
    return Heading(min(HIGHEST + level, LOWEST), blocks[0] if blocks else Block())


def _blocks(said: str, start: int, offset: int, span: Span | None, *, begins: bool) -> tuple[Block, ...]:
    quotes = _quotes(span, offset + start, len(said) - start)
    return tuple(blocks_of(said[start:], question="", quotes=quotes, is_beginning=begins))


def _quotes(span: Span | None, offset: int, length: int) -> list[Quote]:
    if span is None:
        return []
    start, end = max(0, span[0] - offset), min(length, span[1] - offset)
    return [Quote(1, start, end)] if start < end else []
