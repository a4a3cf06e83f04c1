"""By a fixed number of tokens, without regard to sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apps.documents.chunking.cutting import cores, packed, small_joined, words
from apps.documents.chunking.measuring import Ruler
from apps.documents.chunking.types import Core, Embed
from apps.documents.parsing.types import Section, Span


def by_tokens(sections: Sequence[Section], ruler: Ruler, _embed: Embed | None) -> Iterator[tuple[Section, list[Core]]]:
    """Each section with its cores, each of as many whole words as there is room for."""

    def cut(start: int, end: int) -> Iterator[Span]:
        units = words(ruler, start, end, room=ruler.core_size)
        # The first one repeats nothing, so that it has all of the size for itself.
        return packed(units, ruler, room=ruler.core_size, first_room=ruler.size)

    for section in small_joined(sections, ruler):
        yield section, cores(ruler, section.start, section.end, cut=cut)
