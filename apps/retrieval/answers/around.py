"""What stands before and after passages in their versions, for a language model to read along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apps.documents.rights.access import AccessScope, reading_as
from apps.retrieval.answers.span_texts import VersionSpan, span_texts
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.surroundings import Neighbour, neighbours_of

REACH = 1
"""Chunks on either side."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text of a version from `start` on, in which a passage stands between its neighbours; `first` is the chunk that it
    begins with, a neighbour or the passage itself.
    """

    start: int
    text: str
    first: Passage
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def end(self) -> int:
        return self.start + len(self.text)


Around = Mapping[int, Surroundings]
"""By the chunk of a passage what stands around it."""

NOTHING_AROUND: Around = {}


def surroundings_read(passages: Sequence[Passage], scope: AccessScope) -> Around:
    """What stands around each passage, of its own version; nothing of what can't be read any more."""
    if not passages:
        return NOTHING_AROUND
    with reading_as(scope):
        near = neighbours_of([one.chunk_id for one in passages], scope=scope, reach=REACH)
        texts = span_texts([_span(one, near[one.chunk_id]) for one in passages])
    return {
        one.chunk_id: _surroundings(one, near[one.chunk_id], text)
        for one, text in zip(passages, texts, strict=True)
        if text is not None
    }


def _span(passage: Passage, neighbours: Sequence[Neighbour]) -> VersionSpan:
    starts, ends = [one.start for one in neighbours], [one.end for one in neighbours]
    return VersionSpan(passage.version_id, min([passage.start, *starts]), max([passage.end, *ends]))


def _surroundings(passage: Passage, neighbours: tuple[Neighbour, ...], text: str) -> Surroundings:
    first, start = passage, _span(passage, neighbours).start
    if neighbours and neighbours[0].distance < 0:
        before = neighbours[0]
        first = replace(passage, chunk_id=before.chunk_id, start=before.start, end=before.end, text=before.text)
    return Surroundings(start, text, first, neighbours)
