"""What changed between two texts, word by word, with some of what stands around it. Pure.

Lines are compared first (`text_diff`), and only within lines that differ are words: so it stays quick for long texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from apps.documents.lifecycle.diffs import Change, ChangeKind, text_diff

MOST_COMPARED = 4_000_000
"""Words of the one times words of the other: beyond, lines are shown as removed and added whole."""

MOST_CHANGES = 200
"""That are told; of more it is said that there are."""

CONTEXT = 160
"""Characters before and after what changed."""

_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class PieceKind(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    FOLDED = "folded"


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text, and what became of it; `lines` is how many were folded, where nothing changed."""

    kind: PieceKind
    text: str = ""
    lines: int = 0


@dataclass(frozen=True, slots=True)
class WordDiff:
    """The pieces in the order of the text, and whether there are more changes than were told."""

    pieces: tuple[Piece, ...]
    has_more: bool = False


def words_diff(old: str, new: str) -> WordDiff:
    """What leads from one text to the other, with what stands around it; without pieces where both are the same.

    Raises:
        ConflictError: one of them is too long to be compared.
    """
    changes = text_diff(old, new)
    told = changes[:MOST_CHANGES]
    return WordDiff(tuple(_with_context(told, new)), has_more=len(changes) > len(told))


def words_changed(old: str, new: str) -> Iterator[Piece]:
    """All of both texts: `same` and `removed` make the older one, `same` and `added` the newer."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(before) * len(after) > MOST_COMPARED:
        yield from _replaced(old, new)
        return
    removed = added = ""
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        gone, come = "".join(before[i1:i2]), "".join(after[j1:j2])
        if kind == "equal" and (gone.strip() or not (removed or added)):
            yield from _replaced(removed, added)
            yield Piece(PieceKind.SAME, gone)
            removed = added = ""
        else:  # A blank between words that changed is read with them.
            removed, added = removed + gone, added + come
    yield from _replaced(removed, added)


def _replaced(removed: str, added: str) -> Iterator[Piece]:
    if removed:
        yield Piece(PieceKind.REMOVED, removed)
    if added:
        yield Piece(PieceKind.ADDED, added)


def _with_context(changes: Sequence[Change], new: str) -> Iterator[Piece]:
    past = 0
    for number, change in enumerate(changes):
        yield from _unchanged(new[past : change.new_start], is_first=number == 0)
        yield from _pieces(change)
        past = change.new_end
    if changes:
        yield from _unchanged(new[past:], is_last=True)


def _pieces(change: Change) -> Iterator[Piece]:
    if change.kind is ChangeKind.REPLACED:
        yield from words_changed(change.old_text, change.new_text)
    else:
        yield from _replaced(change.old_text, change.new_text)


def _unchanged(text: str, *, is_first: bool = False, is_last: bool = False) -> Iterator[Piece]:
    """The ends of what stands between two changes, with the middle folded."""
    head = "" if is_first else text[:CONTEXT]
    tail = "" if is_last else text[max(len(head), len(text) - CONTEXT) :]
    folded = text[len(head) : len(text) - len(tail)]
    if head:
        yield Piece(PieceKind.SAME, head)
    if folded:
        yield Piece(PieceKind.FOLDED, lines=folded.count("\n") + 1)
    if tail:
        yield Piece(PieceKind.SAME, tail)
