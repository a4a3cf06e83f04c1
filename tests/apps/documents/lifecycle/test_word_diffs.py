"""Two texts compared word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.lifecycle import word_diffs
from apps.documents.lifecycle.word_diffs import Piece, PieceKind, words_changed, words_diff

SAME, REMOVED, ADDED, FOLDED = PieceKind
WORDS = st.lists(st.sampled_from(["a", "b ", "tide", " ", "\n", "."]), max_size=20).map("".join)


def joined(pieces: list[Piece], *kinds: PieceKind) -> str:
    return "".join(piece.text for piece in pieces if piece.kind in kinds)


@given(WORDS, WORDS)
def test_what_stayed_and_went_is_the_older_text_and_what_stayed_and_came_the_newer(old: str, new: str) -> None:
    pieces = list(words_changed(old, new))
    assert (joined(pieces, SAME, REMOVED), joined(pieces, SAME, ADDED)) == (old, new)


def test_only_the_words_that_changed_are_marked() -> None:
    diff = words_diff("Tides.\nA berth costs 31 euros a night.\n", "Tides.\nA berth costs 35 euros a day.\n")
    assert [(piece.kind, piece.text) for piece in diff.pieces] == [
        (SAME, "Tides.\n"),
        (SAME, "A berth costs "),
        (REMOVED, "31"),
        (ADDED, "35"),
        (SAME, " euros a "),
        (REMOVED, "night"),
        (ADDED, "day"),
        (SAME, ".\n"),
    ]


def test_what_is_far_from_a_change_is_folded_and_equal_texts_have_nothing_to_show() -> None:
    lines = "".join(f"Line {number} of a long text.\n" for number in range(100))
    diff = words_diff(lines, lines.replace("Line 50 ", "Line fifty "))
    assert [piece.kind for piece in diff.pieces] == [FOLDED, SAME, SAME, REMOVED, ADDED, SAME, SAME, FOLDED]
    assert sum(piece.lines for piece in diff.pieces) + joined(list(diff.pieces), SAME, ADDED).count("\n") >= 100
    assert words_diff(lines, lines).pieces == ()


def test_more_changes_than_are_told_are_said_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_diffs, "MOST_CHANGES", 2)
    monkeypatch.setattr(word_diffs, "MOST_COMPARED", 0)
    diff = words_diff("a\nx\nb\nx\nc\n", "1\nx\n2\nx\n3\n")
    assert (diff.has_more, joined(list(diff.pieces), ADDED)) == (True, "1\n2\n")
