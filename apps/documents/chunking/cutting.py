"""Cuts a section into cores: prose as the strategy wants, tables and code whole where they fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from apps.documents.chunking.blocks import Block, BlockKind, blocks
from apps.documents.chunking.packing import lines, packed, stanzas
from apps.documents.chunking.ruler import Ruler
from apps.documents.chunking.types import Core
from apps.documents.parsing.types import Span

# A table's first row goes along with each piece of the table, unless it would take more than this part of a chunk.
HEADER_SHARE = 4

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
    header_tokens = ruler.count_text(ruler.text[slice(*header)] + "\n")
    carries_header = header_tokens <= ruler.size // HEADER_SHARE
    room = ruler.size - header_tokens if carries_header else ruler.size
    for part in packed(lines(ruler, start, end, room=room), ruler, room=room):
        yield Core(*part, repeat_from=part[1], header=header if carries_header else None)


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
