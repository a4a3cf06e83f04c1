"""Cuts a section into cores: prose as the strategy wants, tables and code whole where they fit, small sections joined first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise, takewhile

from apps.documents.chunking.measuring import CHARACTERS_PER_TOKEN, Ruler
from apps.documents.chunking.types import Core
from apps.documents.parsing.tabular.headers import is_number, names_columns
from apps.documents.parsing.types import Section, Span

# A table's first row goes along with each piece of the table, unless it would take more than this part of a chunk.
HEADER_SHARE = 3

# A section is small with less than this part of a chunk: little more than its heading. Two whole sentences are worth
# being cited under their own heading.
SMALL_SHARE = 16


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


_LINE = re.compile(r"[^\n]+")
_BAR = re.compile(r"(?<!\\)\|")
_EMPTY_LINES = re.compile(r"\n[ \t]*\n\s*")


def packed(spans: Iterable[Span], ruler: Ruler, *, room: int, first_room: int | None = None) -> Iterator[Span]:
    """Neighbouring spans joined as long as they have `room` tokens, the first ones `first_room` if it is given."""
    held: Span | None = None
    tokens, left = 0, room if first_room is None else first_room
    for start, end in spans:
        more = ruler.measure(start, end)
        if held is not None and tokens + more > left:
            yield held
            held, tokens, left = None, 0, room
        held = (held[0] if held else start, end)
        tokens += more
    if held is not None:
        yield held


def words(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The words between `start` and `end`; one that has no room in pieces."""
    for word in ruler.word_spans(start, end):
        yield from [word] if ruler.measure(*word) <= room else ruler.pieces(*word, room=room)


def lines(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The lines between `start` and `end`; one that has no room as its words."""
    for match in _LINE.finditer(ruler.text, start, end):
        line = ruler.trimmed(*match.span())
        if line[0] < line[1]:
            yield from [line] if ruler.measure(*line) <= room else words(ruler, *line, room=room)


def stanzas(ruler: Ruler, start: int, end: int, *, room: int) -> Iterator[Span]:
    """The groups of lines between empty lines; one that has no room as its lines."""
    gaps = [gap.span() for gap in _EMPTY_LINES.finditer(ruler.text, start, end)]
    for (_, begin), (finish, _) in pairwise([(start, start), *gaps, (end, end)]):
        stanza = ruler.trimmed(begin, finish)
        yield from [stanza] if ruler.measure(*stanza) <= room else lines(ruler, *stanza, room=room)


CutProse = Callable[[int, int], Iterable[Span]]


def cores(ruler: Ruler, start: int, end: int, *, cut: CutProse) -> list[Core]:
    """The cores between `start` and `end`, in order; a single one if all of it fits into a chunk.

    `cut` is asked for the spans of the prose between tables and code.
    """
    start, end = ruler.trimmed(start, end)
    if start == end:
        return []
    if ruler.fits(start, end):
        return [Core(start, end, repeat_from=start)]
    return list(_blocks_joined(_cores_of_parts(ruler, start, end, cut=cut), ruler))


def unbroken(ruler: Ruler, start: int, end: int) -> Iterator[tuple[Span, Block | None]]:
    """All of the text between `start` and `end` in order: prose, with None, and each table or code as its block.

    Indented lines that don't fit into a chunk are prose: a whole document that is indented is no program.
    """
    position = start
    for block in blocks(ruler.text, start, end):
        span = ruler.trimmed(max(block.start, start), block.end)
        if block.kind is BlockKind.INDENTED and not ruler.fits(*span):
            continue
        yield from _prose(ruler, position, span[0])
        yield span, block
        position = span[1]
    yield from _prose(ruler, position, end)


def _prose(ruler: Ruler, start: int, end: int) -> Iterator[tuple[Span, None]]:
    span = ruler.trimmed(start, end)
    if span[0] < span[1]:
        yield span, None


def _cores_of_parts(ruler: Ruler, start: int, end: int, *, cut: CutProse) -> Iterator[Core]:
    for span, block in unbroken(ruler, start, end):
        if block is None:
            yield from (Core(*part, repeat_from=part[0]) for part in cut(*span))
        elif ruler.fits(*span):
            yield Core(*span, repeat_from=span[1], is_whole_block=True)
        elif block.kind is BlockKind.TABLE:
            yield from _table_pieces(ruler, *span)
        else:
            parts = packed(stanzas(ruler, *span, room=ruler.size), ruler, room=ruler.size)
            yield from (Core(*part, repeat_from=part[1]) for part in parts)


def _table_pieces(ruler: Ruler, start: int, end: int) -> Iterator[Core]:
    """A table cut between its rows, with room for its first row before each piece."""
    row_end = ruler.text.find("\n", start, end)
    header = (start, end if row_end < 0 else row_end)
    # A row that is far too long is not counted: the tokenizer would keep the interpreter for seconds a megabyte.
    is_short = header[1] - header[0] <= CHARACTERS_PER_TOKEN * ruler.size
    header_tokens = ruler.count_text(ruler.text[slice(*header)] + "\n") if is_short else ruler.size
    carries_header = header_tokens <= ruler.size // HEADER_SHARE and not _has_no_head(ruler.text[start:end])
    room = ruler.size - header_tokens if carries_header else ruler.size
    for part in packed(lines(ruler, start, end, room=room), ruler, room=room):
        yield Core(*part, repeat_from=part[1], header=header if carries_header else None)


def _has_no_head(table: str) -> bool:
    """Whether the table begins with a row of figures rather than with names, of which another row says nothing."""
    first, below = ([cell.strip() for cell in _BAR.split(row)[1:-1]] for row in (*table.split("\n", 2), "", "")[:2])
    return any(map(is_number, first)) and not names_columns(first, below)


def _blocks_joined(parts: Iterable[Core], ruler: Ruler) -> Iterator[Core]:
    """The cores, where a whole table or code is one with its neighbours as long as they fit together."""
    held: Core | None = None
    for core in parts:
        if held is not None and _belong_together(held, core, ruler):
            held = Core(held.start, core.end, repeat_from=core.repeat_from, is_whole_block=True)
            continue
        if held is not None:
            yield held
        held = core
    if held is not None:
        yield held


def _belong_together(one: Core, other: Core, ruler: Ruler) -> bool:
    has_block = one.is_whole_block or other.is_whole_block
    return has_block and not one.header and not other.header and ruler.fits(one.start, other.end)


def small_joined(sections: Iterable[Section], ruler: Ruler) -> list[Section]:
    """The sections, where one too small to be found for itself goes to the next one, else to the one before.

    Only siblings, or a heading and what stands directly under it, are joined: a chunk must not run from the end of
    one chapter into the next.
    """
    forward: list[Section] = []
    for section in sections:
        _append(forward, section, joins=bool(forward) and _is_small(forward[-1], ruler), ruler=ruler)
    both_ways: list[Section] = []
    for section in forward:
        _append(both_ways, section, joins=_is_small(section, ruler), ruler=ruler)
    return both_ways


def joined(sections: Sequence[Section], ruler: Ruler) -> Section | None:
    """One section from the first to the last, under the headings that all share.

    None when they lie in different places, share no heading although some have one, or don't fit into a chunk.
    """
    first, last = sections[0], sections[-1]
    path = shared_path([section.heading_path for section in sections])
    has_headings = any(section.heading_path for section in sections)
    if any(section.place != first.place for section in sections) or (has_headings and not path):
        return None
    whole = Section(first.start, last.end, path, first.place)
    return whole if ruler.fits(*ruler.trimmed(whole.start, whole.end)) else None


def shared_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The headings that all paths begin with."""
    levels = takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))
    return tuple(level[0] for level in levels)


def _append(done: list[Section], section: Section, *, joins: bool, ruler: Ruler) -> None:
    """Put `section` at the end of `done`: into the last one if it `joins` and the two can be one."""
    pair = [*done[-1:], section]
    whole = joined(pair, ruler) if joins and len(pair) > 1 and _are_close(*pair) else None
    if whole is None:
        done.append(section)
    else:
        done[-1] = whole


def _are_close(one: Section, other: Section) -> bool:
    shared = shared_path([one.heading_path, other.heading_path])
    return len(shared) >= max(len(one.heading_path), len(other.heading_path)) - 1


def _is_small(section: Section, ruler: Ruler) -> bool:
    return ruler.at_most(ruler.size // SMALL_SHARE - 1, section.start, section.end)
