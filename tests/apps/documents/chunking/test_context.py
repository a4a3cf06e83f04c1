import pytest

from apps.documents.chunking.context import CONTEXT_TOKENS, context_beside, context_of, context_room
from apps.documents.chunking.settings import ChunkContext


def words(text):
    return len(text.split())


def of(name, *headings, room=CONTEXT_TOKENS):
    return context_of(name, headings, room=room, count=words)


def test_the_name_and_the_headings_have_a_line_each():
    assert of("Adobe 2022 10K", "Item 8", "Balance sheets") == "Adobe 2022 10K\nItem 8 > Balance sheets"


def test_what_is_said_twice_is_said_once():
    assert of("Handbook", "handbook", "Rooms", "Rooms") == "Handbook\nRooms"


@pytest.mark.parametrize(
    ("name", "headings", "told"), [("", (), ""), ("Rules", (), "Rules"), ("", ("Doors",), "Doors")]
)
def test_what_there_is_is_told(name, headings, told):
    assert of(name, *headings) == told


def test_the_innermost_headings_are_kept_where_there_is_no_room_for_all():
    assert of("A", "one two three", "four five six", "seven", room=9) == "A\nfour five six > seven"


def test_a_heading_that_is_too_long_is_cut_at_a_word():
    assert of("A", "one two three four five six seven eight", room=8) == "A\none two three four five"


def test_a_long_name_leaves_half_of_the_room_to_the_headings():
    assert of("one two three four five six", "seven eight", room=8) == "one two three\nseven eight"


@pytest.mark.parametrize("room", range(12))
def test_it_never_takes_more_than_its_room(room):
    assert words(of("a name of some words", "a heading", "and another one of several words", room=room)) <= room


@pytest.mark.parametrize(
    ("context", "limit", "room"),
    [(ChunkContext.HEADINGS, 254, 32), (ChunkContext.HEADINGS, 30, 7), (ChunkContext.NONE, 254, 0)],
)
def test_a_model_that_reads_little_keeps_little_room_free(context, limit, room):
    assert context_room(context, limit) == room


def test_what_a_chunk_begins_with_is_not_said_before_it():
    text = "Harbour\n\nBerths\n\nA berth costs 20 euros."
    assert context_beside(text, "Rules 2022", ("Harbour", "Berths")) == ("Rules 2022", ())
    assert context_beside("The harbour  rules\nof 2022", "Harbour rules", ("Boats",)) == ("", ("Boats",))
    assert context_beside("Other words.", "Rules", ("Harbour",)) == ("Rules", ("Harbour",))
