"""As the headings divide it: all that stands under a heading in one chunk, where that fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from apps.documents.chunking.cutting import cores, joined, shared_path, small_joined
from apps.documents.chunking.measuring import Ruler
from apps.documents.chunking.strategies.sentence import SentenceCutter
from apps.documents.chunking.types import Core, Embed
from apps.documents.parsing.types import Section


def by_headings(
    sections: Sequence[Section], ruler: Ruler, _embed: Embed | None
) -> Iterator[tuple[Section, list[Core]]]:
    """Each heading with all its subsections, if they fit, else subsection by subsection, each with its cores.

    A single section that doesn't fit is cut at the ends of its paragraphs and sentences.
    """
    cutter = SentenceCutter(ruler)
    for section in small_joined(_subtrees(sections, ruler), ruler):
        yield section, cores(ruler, section.start, section.end, cut=cutter.cut)


def _subtrees(sections: Sequence[Section], ruler: Ruler) -> Iterator[Section]:
    """The sections, where those under one heading are one as soon as they fit into a chunk."""
    waiting = [list(sections)] if sections else []
    while waiting:
        group = waiting.pop()
        whole = joined(group, ruler)
        parts = _parts(group)
        if whole is not None:
            yield whole
        elif len(parts) == 1:
            yield from group
        else:
            waiting.extend(reversed(parts))


def _parts(group: list[Section]) -> list[list[Section]]:
    """The group divided by places, else at the first headings that not all of it shares."""
    places = [list(part) for _, part in groupby(group, key=lambda section: section.place)]
    if len(places) > 1:
        return places
    depth = len(shared_path([section.heading_path for section in group])) + 1
    return [list(part) for _, part in groupby(group, key=lambda section: section.heading_path[:depth])]
