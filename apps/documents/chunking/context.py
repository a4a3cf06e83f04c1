"""What stands before a chunk where it is embedded: what its document is called, and the headings that it stands under.

A row of an income statement says neither whose it is nor of what; a vector of the row alone is like those of every other such
row. What stands before is no part of the chunk's span or text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from apps.documents.chunking.settings import ChunkContext

CONTEXT_TOKENS = 32
"""The most tokens that are kept free for it. A chunk of the usual size has as many left beside it in what a small model reads."""

SHARE = 4
"""Of a model that reads less it is one of so many parts."""

ENDS = 2
"""Tokens that the ends of its lines may take."""

BEGINS = 300
"""Characters of a chunk that are its beginning."""

Count = Callable[[str], int]


def context_room(context: ChunkContext, limit: int) -> int:
    """How many of the `limit` tokens that a model reads are kept free for what stands before a chunk."""
    return 0 if context is ChunkContext.NONE else min(CONTEXT_TOKENS, limit // SHARE)


def context_of(name: str, heading_path: Sequence[str], *, room: int, count: Count) -> str:
    """A line with the name and one with the headings, of at most `room` tokens; "" where there is nothing to say.

    The headings from the innermost back, as it says the most; a name takes half of the room at most where there are any.
    """
    room -= ENDS
    headings = [heading for heading in dict.fromkeys(heading_path) if heading.casefold() != name.casefold()]
    called = _cut(name, count, room // 2 if headings else room)
    return "\n".join(filter(None, [called, _innermost(headings, count, room - count(called))]))


def context_beside(text: str, name: str, heading_path: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Of a name and headings what a chunk does not begin with itself: said twice, it would drown what the chunk says."""
    begins = " ".join(text[:BEGINS].split()).casefold()
    return "" if name.casefold() in begins else name, tuple(one for one in heading_path if one.casefold() not in begins)


def _innermost(headings: Sequence[str], count: Count, room: int) -> str:
    """As many of the headings as there is room for, from the last one back; that one is cut if it must be."""
    told = ""
    for heading in reversed(headings):
        longer = f"{heading} > {told}" if told else heading
        if count(longer) > room:
            break
        told = longer
    return told or (_cut(headings[-1], count, room) if headings else "")


def _cut(text: str, count: Count, room: int) -> str:
    """As many whole words of the text as there is room for."""
    words = text.split()
    while words and count(" ".join(words)) > room:
        words.pop()
    return " ".join(words)
