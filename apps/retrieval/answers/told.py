"""From passages to what a language model is told of them: each with as much of what stands around it as there is room for, and
those that touch as one. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from apps.documents.sentences.splitting import sentence_spans
from apps.retrieval.answers.around import NOTHING_AROUND, Around, Surroundings
from apps.retrieval.answers.prompting import passage_told, plain
from apps.retrieval.answers.table_heads import head_of
from apps.retrieval.answers.tables import NO_HEADS, Heads, is_row
from apps.retrieval.answers.token_room import tokens_estimated
from apps.retrieval.answers.types import Quotation
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.surroundings import Neighbour

HIGHEST_NUMBER = 99


@dataclass(frozen=True, slots=True)
class ToldPassage:
    """What a language model is told as one passage.

    `passage` has the span and the text that are told, `head` names the columns of the table that these begin within. `sources`
    are the passages in it that were found, best first; `neighbours` what stands next to them.
    """

    passage: Passage
    sources: tuple[Passage, ...]
    neighbours: tuple[Neighbour, ...] = ()
    head: tuple[str, ...] = ()

    def sourced(self, quotation: Quotation) -> Quotation:
        """The quotation as one of the nearest passage that was found, under the heading and at the place where it stands."""

        def shared(one: Passage | Neighbour) -> int:
            return min(one.end, quotation.end) - max(one.start, quotation.start)

        nearest = max(self.sources, key=shared)
        standing: list[Passage | Neighbour] = [*self.sources, *self.neighbours]
        where = max(standing, key=shared)
        return replace(quotation, passage=replace(nearest, heading_path=where.heading_path, place=where.place))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Text of a version from `start` on, and the passages in it."""

    passages: tuple[Passage, ...]
    start: int
    text: str

    @classmethod
    def of(cls, passage: Passage) -> _Stretch:
        return cls((passage,), passage.start, passage.text)

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def wider(self, before: str, after: str) -> _Stretch:
        return replace(self, start=self.start - len(before), text=before + self.text + after)

    def joined(self, other: _Stretch) -> _Stretch:
        """With one that begins within it or where it ends."""
        rest = other.text[max(0, self.end - other.start) :]
        return _Stretch(self.passages + other.passages, self.start, self.text + rest)


def tokens_told(passage: Passage, *, head: Sequence[str] = ()) -> int:
    """About how many tokens a passage takes with what is put around it."""
    return tokens_estimated(passage_told(HIGHEST_NUMBER, passage, head=head) + "\n")


def passages_told(
    passages: Sequence[Passage], *, heads: Heads = NO_HEADS, around: Around = NOTHING_AROUND, room: int = 0
) -> tuple[ToldPassage, ...]:
    """The passages, best first, with what stands around them in so many more tokens. Those of a version that touch or overlap
    are one, in the order of the text, at the place of the best of them.
    """
    ranks = {one.chunk_id: rank for rank, one in enumerate(passages)}
    stretches = _joined(_widened(passages, around, room))
    stretches.sort(key=lambda one: min(ranks[passage.chunk_id] for passage in one.passages))
    return tuple(_told(one, ranks, heads, around) for one in stretches)


def _told(stretch: _Stretch, ranks: dict[int, int], heads: Heads, around: Around) -> ToldPassage:
    sources = tuple(sorted(stretch.passages, key=lambda one: ranks[one.chunk_id]))
    head = _head(stretch, heads, around)
    # The names of columns are headings of all rows, for who judges what is said of them.
    path = (*sources[0].heading_path, *head)
    passage = replace(sources[0], start=stretch.start, end=stretch.end, text=stretch.text, heading_path=path)
    near = [one for source in sources if source.chunk_id in around for one in around[source.chunk_id].neighbours]
    return ToldPassage(passage, sources, tuple(near), head)


def _widened(passages: Sequence[Passage], around: Around, room: int) -> list[_Stretch]:
    """Each with what is around it, the best first, up to where another one stands."""
    stretches = [_Stretch.of(one) for one in passages]
    for at, passage in enumerate(passages):
        if room <= 0 or passage.chunk_id not in around:
            continue
        others = [one for one in stretches if one.passages[0].version_id == passage.version_id]
        before, after = _between(stretches[at], around[passage.chunk_id], others)
        before = _end_of(before, room // 2)
        after = _beginning_of(after, room - _tokens(before))
        room -= _tokens(before) + _tokens(after)
        stretches[at] = stretches[at].wider(before, after)
    return stretches


def _between(stretch: _Stretch, around: Surroundings, others: Sequence[_Stretch]) -> tuple[str, str]:
    """The text around a stretch, on either side up to the next of the others."""
    first = max([around.start, *(one.end for one in others if one.start < stretch.start)])
    last = min([around.end, *(one.start for one in others if one.end > stretch.end)])
    start = around.start
    return (
        around.text[max(0, min(first, stretch.start) - start) : stretch.start - start],
        around.text[stretch.end - start : max(last, stretch.end) - start],
    )


def _end_of(text: str, most: int) -> str:
    """All of it, or as many of its last sentences as so many tokens hold."""
    starts = [0, *(start for start, _ in sentence_spans(text)), len(text)]
    return next(part for part in (text[start:] for start in starts) if not part or _tokens(part) <= most)


def _beginning_of(text: str, most: int) -> str:
    """All of it, or as many of its first sentences as so many tokens hold."""
    ends = [len(text), *reversed([end for _, end in sentence_spans(text)]), 0]
    return next(part for part in (text[:end] for end in ends) if not part or _tokens(part) <= most)


def _tokens(text: str) -> int:
    return tokens_estimated(plain(text))


def _joined(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """Those of a version that touch or overlap as one."""
    joined: list[_Stretch] = []
    for one in sorted(stretches, key=lambda one: (one.passages[0].version_id, one.start)):
        last = joined[-1] if joined else None
        if last and last.passages[0].version_id == one.passages[0].version_id and one.start <= last.end:
            joined[-1] = last.joined(one)
        else:
            joined.append(one)
    return joined


def _head(stretch: _Stretch, heads: Heads, around: Around) -> tuple[str, ...]:
    """The head of the table that a stretch begins within, where it is not told with its rows."""
    if not is_row(stretch.text.split("\n", 1)[0]):
        return ()
    first = min(stretch.passages, key=lambda one: one.start)
    near = around.get(first.chunk_id)
    if near is None:
        return heads.get(first.chunk_id, ())
    before = near.text[: stretch.start - near.start]
    # Only rows before it: the table begins there or is the one that the first chunk begins within.
    if all(is_row(line) for line in before.split("\n") if line):
        return heads.get(near.first.chunk_id, ()) or head_of(before, before)
    return head_of(before, before)
