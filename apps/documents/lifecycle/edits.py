"""Edits of a text: spans that read otherwise, are left out, or are added to. Pure.

The edits of a version are kept as spans of its upload's parsed text, in order and never touching one another. So what they make
of it is the same whenever they were made, one is taken back by leaving it out, and another one is composed with those there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from apps.documents.parsing.types import Section, Span


class EditKind(StrEnum):
    CHANGED = "changed"
    LEFT_OUT = "left_out"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` stands in the place of the characters `start` to `end` (exclusive)."""

    start: int
    end: int
    text: str

    @property
    def kind(self) -> EditKind:
        return edit_kind(self.start, self.end, self.text)

    @property
    def grows(self) -> int:
        """By how many characters it makes the text longer."""
        return len(self.text) - (self.end - self.start)


@dataclass(frozen=True, slots=True)
class PlacedEdit:
    """An edit, and where what it put there stands in the edited text."""

    edit: Edit
    start: int
    end: int


def edit_kind(start: int, end: int, text: str) -> EditKind:
    """What an edit does."""
    if start == end:
        return EditKind.ADDED
    return EditKind.CHANGED if text else EditKind.LEFT_OUT


def text_edited(text: str, edits: Sequence[Edit]) -> str:
    """The text with all edits, whose spans are its own."""
    pieces, past = [], 0
    for edit in edits:
        pieces += [text[past : edit.start], edit.text]
        past = edit.end
    return "".join([*pieces, text[past:]])


def edit_trimmed(edit: Edit, text: str) -> Edit:
    """The edit without the words that it would replace by the same, at either end; `text` is what it is an edit of."""
    old, new = text[edit.start : edit.end], edit.text
    head = _whole_words(_alike(old, new), old)
    tail = _whole_words(_alike(old[head:][::-1], new[head:][::-1]), old[::-1])
    return Edit(edit.start + head, edit.end - tail, new[head : len(new) - tail])


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _whole_words(length: int, text: str) -> int:
    """So many characters from the beginning of the text, less a word that may go on."""
    while length and text[length - 1].isalnum():
        length -= 1
    return length


def edits_placed(edits: Sequence[Edit]) -> list[PlacedEdit]:
    """Each with its place in the edited text."""
    placed, grown = [], 0
    for edit in edits:
        start = edit.start + grown
        placed.append(PlacedEdit(edit, start, start + len(edit.text)))
        grown += edit.grows
    return placed


def span_before_edits(edits: Sequence[Edit], start: int, end: int) -> Span | None:
    """The characters that stood where those of an edited text do, of a changed passage all that it was; None if all was added."""
    placed = edits_placed(edits)
    first, past = _before(placed, start)[0], _before(placed, end - 1)[1]
    return (first, past) if first < past else None


def _before(placed: Sequence[PlacedEdit], at: int) -> Span:
    """Where the character of the edited text stood, or the passage whose place it took."""
    grown = 0
    for one in placed:
        if one.start <= at < one.end:
            return one.edit.start, one.edit.end
        grown += one.edit.grows if one.end <= at else 0
    return at - grown, at - grown + 1


def edits_composed(edits: Sequence[Edit], more: Sequence[Edit]) -> list[Edit]:
    """The edits that lead at once to where `edits` and then `more` lead; the spans of `more` are of the edited text.

    What touches becomes one edit.
    """
    composed = list(edits)
    for edit in sorted(more, key=lambda one: (one.start, one.end), reverse=True):
        composed = _with(composed, edit)
    return composed


def _with(edits: Sequence[Edit], new: Edit) -> list[Edit]:
    placed = edits_placed(edits)
    before = [one.edit for one in placed if one.end < new.start]
    touched = [one for one in placed if one.start <= new.end and one.end >= new.start]
    after = [one.edit for one in placed if one.start > new.end]
    grown = sum(one.grows for one in before)
    if not touched:
        return [*before, replace(new, start=new.start - grown, end=new.end - grown), *after]
    first, last = touched[0], touched[-1]
    grown_past = grown + sum(one.edit.grows for one in touched)
    merged = Edit(
        start=min(new.start - grown, first.edit.start),
        end=max(new.end - grown_past, last.edit.end),
        text=first.edit.text[: max(0, new.start - first.start)] + new.text + last.edit.text[new.end - last.start :],
    )
    return [*before, merged, *after]


def sections_edited(sections: Sequence[Section], edits: Sequence[Edit], *, text: str) -> tuple[Section, ...]:
    """The sections of a text where they lie in `text`, which is that text edited.

    What was put into the text belongs to the section in which it begins; a section of which nothing is left is gone.
    """
    spans: dict[int, tuple[int, int]] = {}
    for index, start, end in _pieces(sections, edits):
        first, _ = spans.get(index, (start, end))
        spans[index] = (first, end)
    return tuple(
        replace(sections[index], start=start, end=end)
        for index, (start, end) in sorted(spans.items())
        if text[start:end].strip()
    )


def _pieces(sections: Sequence[Section], edits: Sequence[Edit]) -> Iterator[tuple[int, int, int]]:
    """The edited text from its beginning, piece by piece: of which section it is, its first character, and the one after."""
    starts = [section.start for section in sections]
    grown = past = 0
    last = sections[-1].end
    for edit in [*edits, Edit(last, last, "")]:
        yield from _kept(sections, starts, (past, edit.start), grown)
        if edit.text:
            at = edit.start + grown
            yield _owner(sections, starts, edit), at, at + len(edit.text)
        grown, past = grown + edit.grows, edit.end


def _kept(
    sections: Sequence[Section], starts: Sequence[int], span: tuple[int, int], grown: int
) -> Iterator[tuple[int, int, int]]:
    """What is left of each section within a span that no edit touches."""
    for index in range(max(0, bisect_right(starts, span[0]) - 1), len(sections)):
        start, end = max(span[0], sections[index].start), min(span[1], sections[index].end)
        if sections[index].start >= span[1]:
            return
        if start < end:
            yield index, start + grown, end + grown


def _owner(sections: Sequence[Section], starts: Sequence[int], edit: Edit) -> int:
    """The section that what the edit puts there belongs to: what is added after a section's last character is still of it."""
    at = max(0, bisect_right(starts, edit.start) - 1)
    is_addition_at_its_start = edit.start == edit.end == starts[at]
    if at and is_addition_at_its_start and sections[at - 1].end == edit.start:
        return at - 1
    return at
