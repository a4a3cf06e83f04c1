import pytest

from apps.documents.parsing.building import DocumentBuilder
from apps.documents.parsing.types import FileLimits, Place, PlaceKind
from ragsite.core.errors import PermanentError


def outline(document):
    return [(section.heading_path, document.text[section.start : section.end]) for section in document.sections]


@pytest.fixture
def builder():
    return DocumentBuilder(FileLimits())


def test_each_heading_begins_a_section_with_the_path_to_it(builder):
    builder.block("Before.")
    builder.heading(1, "Duck")
    builder.block("A bird.")
    builder.heading(2, "Food")
    builder.block("Leaves.")
    builder.heading(1, "Goose")
    builder.block("Another bird.")
    assert outline(builder.finish()) == [
        ((), "Before."),
        (("Duck",), "Duck\n\nA bird."),
        (("Duck", "Food"), "Food\n\nLeaves."),
        (("Goose",), "Goose\n\nAnother bird."),
    ]


def test_a_heading_without_text_belongs_to_the_section_below_it(builder):
    builder.heading(1, "Duck")
    builder.heading(3, "Food")
    builder.block("Leaves.")
    builder.heading(2, "Voice")
    builder.heading(1, "Goose")
    assert outline(builder.finish()) == [
        (("Duck", "Food"), "Duck\n\nFood\n\nLeaves."),
        (("Duck", "Voice"), "Voice"),
        (("Goose",), "Goose"),
    ]


def test_lines_follow_each_other_directly_and_blocks_stand_apart(builder):
    builder.block("List:")
    builder.line("- one")
    builder.line("   ")
    builder.line("- two")
    builder.block("End.")
    assert builder.finish().text == "List:\n\n- one\n- two\n\nEnd."


def test_places_begin_sections_and_empty_places_have_none(builder):
    for number, text in ((1, "one"), (2, " \n"), (3, "three")):
        builder.place(Place(PlaceKind.PAGE, number))
        builder.block(text)
    assert [section.place.number for section in builder.finish().sections] == [1, 3]


def test_the_title_is_the_one_given_or_the_first_heading(builder):
    builder.heading(1, "Duck")
    assert builder.finish().title == "Duck"
    assert builder.finish(title=" The\nduck ").title == "The duck"


def test_a_heading_as_long_as_a_paragraph_is_a_paragraph(builder):
    builder.heading(1, "word " * 100)
    assert builder.finish().sections[0].heading_path == ()


def test_too_much_text_is_refused_as_soon_as_it_is_seen():
    builder = DocumentBuilder(FileLimits(max_characters=100))
    builder.block("x" * 90)
    with pytest.raises(PermanentError) as caught:
        builder.block("y" * 20)
    assert caught.value.error_code == "too_large"
    assert "100" in caught.value.message


def test_a_document_without_text_is_refused(builder):
    builder.block("\u200b \n")
    with pytest.raises(PermanentError) as caught:
        builder.finish()
    assert caught.value.error_code == "empty_text"
