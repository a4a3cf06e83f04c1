"""Edits of a text, by themselves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.lifecycle.edits import (
    Edit,
    EditKind,
    edit_trimmed,
    edits_composed,
    edits_placed,
    sections_edited,
    span_before_edits,
    text_edited,
)
from apps.documents.parsing.types import ParsedDocument, Section

LETTERS = st.text("ab \n", min_size=1, max_size=40)


def drawn_edits(draw: st.DrawFn, length: int) -> list[Edit]:
    """Some edits of a text of that length that don't touch one another."""
    places = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    spans = [(a, b) for a, b in pairwise(places)][::2] or [(place, place) for place in places[:1]]
    texts = [draw(st.text("xyz\n ", max_size=6)) for _ in spans]
    return [Edit(a, b, text) for (a, b), text in zip(spans, texts, strict=True) if b > a or text]


@st.composite
def edited_twice(draw: st.DrawFn) -> tuple[str, list[Edit], list[Edit]]:
    text = draw(LETTERS)
    first = drawn_edits(draw, len(text))
    return text, first, drawn_edits(draw, len(text_edited(text, first)))


@st.composite
def parsed_and_edits(draw: st.DrawFn) -> tuple[str, list[Section], list[Edit]]:
    """A text all of which is in sections, but for blanks between them."""
    parts = draw(st.lists(st.text("ab ", min_size=1, max_size=8).filter(str.strip), min_size=1, max_size=6))
    gaps = [draw(st.sampled_from(["", "\n", "\n\n"])) for _ in parts]
    sections, text = [], draw(st.sampled_from(["", "\n"]))
    for number, (part, gap) in enumerate(zip(parts, gaps, strict=True)):
        sections.append(Section(len(text), len(text) + len(part), heading_path=(str(number),)))
        text += part + gap
    return text, sections, drawn_edits(draw, len(text))


@given(edited_twice())
def test_edits_that_are_composed_lead_where_both_lead_one_after_the_other(
    case: tuple[str, list[Edit], list[Edit]],
) -> None:
    text, first, second = case
    composed = edits_composed(first, second)
    assert text_edited(text, composed) == text_edited(text_edited(text, first), second)
    assert all(one.end < other.start for one, other in pairwise(composed))


@given(edited_twice())
def test_an_edit_that_is_trimmed_leads_to_the_same_text(case: tuple[str, list[Edit], list[Edit]]) -> None:
    text, edits, _ = case
    for edit in edits:
        assert text_edited(text, [edit_trimmed(edit, text)]) == text_edited(text, [edit])


@given(edited_twice())
def test_each_edit_says_where_its_text_stands(case: tuple[str, list[Edit], list[Edit]]) -> None:
    text, edits, _ = case
    edited = text_edited(text, edits)
    assert all(edited[one.start : one.end] == one.edit.text for one in edits_placed(edits))


@given(parsed_and_edits())
def test_after_edits_all_words_are_in_sections_in_their_order(case: tuple[str, list[Section], list[Edit]]) -> None:
    text, sections, edits = case
    edited = text_edited(text, edits)
    found = sections_edited(sections, edits, text=edited)
    ParsedDocument(edited, found)  # Refuses sections that overlap or leave out a word.
    assert [one.heading_path for one in found] == sorted(one.heading_path for one in found)
    if not edits:
        assert found == tuple(sections)


@given(parsed_and_edits())
def test_a_section_that_no_edit_touches_says_what_it_said(case: tuple[str, list[Section], list[Edit]]) -> None:
    text, sections, edits = case
    edited = text_edited(text, edits)
    now = {one.heading_path: edited[one.start : one.end] for one in sections_edited(sections, edits, text=edited)}
    for section in sections:
        if all(edit.end < section.start or edit.start > section.end for edit in edits):
            # What is added in the blanks behind a section, or before the first one, is counted to it.
            assert text[section.start : section.end] in now[section.heading_path]


@pytest.mark.parametrize(
    ("edit", "kind", "spans"),
    [
        (Edit(0, 3, "Onward"), EditKind.CHANGED, [(0, 6), (7, 10)]),
        (Edit(0, 3, ""), EditKind.LEFT_OUT, [(1, 4)]),
        (Edit(3, 3, " more"), EditKind.ADDED, [(0, 8), (9, 12)]),
        (Edit(4, 4, "new "), EditKind.ADDED, [(0, 3), (4, 11)]),
        (Edit(2, 5, "-"), EditKind.CHANGED, [(0, 3), (3, 5)]),
    ],
    ids=str,
)
def test_sections_move_with_the_text(edit: Edit, kind: EditKind, spans: list[tuple[int, int]]) -> None:
    sections = [Section(0, 3, ("1",)), Section(4, 7, ("2",))]
    found = sections_edited(sections, [edit], text=text_edited("one\ntwo", [edit]))
    assert (edit.kind, [(one.start, one.end) for one in found]) == (kind, spans)


@given(edited_twice(), st.data())
def test_what_was_not_edited_is_found_where_it_stood(
    case: tuple[str, list[Edit], list[Edit]], data: st.DataObject
) -> None:
    text, edits, _ = case
    edited = text_edited(text, edits)
    at = data.draw(st.integers(0, max(0, len(edited) - 1)))
    inside = [one for one in edits_placed(edits) if one.start <= at < one.end]
    span = span_before_edits(edits, at, at + 1)
    if inside and edited:
        (one,) = inside
        assert span == ((one.edit.start, one.edit.end) if one.edit.end > one.edit.start else None)
    elif edited:
        assert span is not None
        assert text[span[0] : span[1]] == edited[at]
