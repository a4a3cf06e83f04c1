from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.lifecycle import diffs
from apps.documents.lifecycle.diffs import ChangeKind, text_diff, version_diff
from ragsite.core.errors import ConflictError
from tests import factories as make

LINES = st.lists(st.sampled_from(["one\n", "two\n", "three\n", "\n", "end"]), max_size=12).map("".join)


@given(LINES, LINES)
def test_applying_the_changes_to_the_old_text_gives_the_new_one(old: str, new: str) -> None:
    built, at = "", 0
    for change in text_diff(old, new):
        assert old[change.old_start : change.old_end] == change.old_text
        assert new[change.new_start : change.new_end] == change.new_text
        built += old[at : change.old_start] + change.new_text
        at = change.old_end
    assert built + old[at:] == new


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("a\nb\n", "a\nb\n", []),
        ("a\n", "a\nb\n", [ChangeKind.ADDED]),
        ("a\nb\n", "b\n", [ChangeKind.REMOVED]),
        ("a\nb\nc\n", "a\nx\nc\n", [ChangeKind.REPLACED]),
    ],
)
def test_a_change_says_what_kind_it_is(old: str, new: str, kinds: list[ChangeKind]) -> None:
    assert [change.kind for change in text_diff(old, new)] == kinds


def test_texts_that_are_too_long_are_refused_in_words(monkeypatch: Any) -> None:
    monkeypatch.setattr(diffs, "MOST_LINES", 2)
    with pytest.raises(ConflictError, match="too long to compare"):
        text_diff("a\nb\nc\n", "a\n")


@pytest.mark.django_db
def test_a_version_that_is_not_parsed_cannot_be_compared() -> None:
    version = make.upload(make.knowledge_base()).version
    with pytest.raises(ConflictError, match="not parsed yet"):
        version_diff(old=version, new=version)
