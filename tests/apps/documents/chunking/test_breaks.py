from itertools import pairwise

import pytest

from apps.documents.admin.wording import place_in_words
from apps.documents.chunking.chunker import STRATEGIES, chunk
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.parsing.types import (
    ParsedDocument,
    Place,
    PlaceKind,
    Section,
    place_narrowed,
    sections_from_list,
    sections_to_list,
)
from tests.apps.documents.chunking.making import SpaceTokenizer, embed_words

TEXT = "Guests pay at noon. The warranty covers the hull for\neleven years after delivery. It ends with a sale."
TURN = TEXT.index("eleven")


def pages(*turns, goes_on=True):
    edges = [0, *turns, len(TEXT)]
    return ParsedDocument(
        TEXT,
        tuple(
            Section(
                start,
                len(TEXT[:end].rstrip()),
                place=Place(PlaceKind.PAGE, number),
                goes_on=goes_on and end < len(TEXT),
            )
            for number, (start, end) in enumerate(pairwise(edges), start=1)
        ),
    )


def cut(document, strategy, size=64):
    settings = ChunkingSettings.from_dict({"strategy": strategy, "size": size, "overlap": 0})
    return chunk(document, settings, SpaceTokenizer(), embed=embed_words)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_sentence_over_the_end_of_a_page_is_in_one_chunk_that_names_both_pages(strategy):
    chunks = cut(pages(TURN), strategy)
    (whole,) = [one for one in chunks if "warranty" in TEXT[one.start : one.end]]
    assert TEXT[whole.start : whole.end].endswith("hull for\neleven years after delivery.")
    assert (whole.place.number, whole.place.last, whole.place.turn) == (1, 2, TURN)
    rest = chunks[-1]
    assert (TEXT[rest.start : rest.end], rest.place) == ("It ends with a sale.", Place(PlaceKind.PAGE, 2))


def test_pages_whose_sentences_do_not_go_on_are_cut_apart():
    chunks = cut(pages(TURN, goes_on=False), "sentence")
    assert [one.place for one in chunks] == [Place(PlaceKind.PAGE, 1), Place(PlaceKind.PAGE, 2)]
    assert chunks[0].end <= TURN <= chunks[1].start


def test_a_place_over_two_pages_is_narrowed_to_what_is_quoted_and_kept_as_it_is():
    section = Section(0, 5, place=Place(PlaceKind.PAGE, 1, last=2, turn=TURN), goes_on=True)
    assert sections_from_list(sections_to_list([section])) == (section,)
    kept = section.place.to_dict()
    assert place_in_words(place_narrowed(kept, TURN - 5, TURN + 5)) == "pages 1 to 2"
    assert place_narrowed(kept, 0, TURN) == Place(PlaceKind.PAGE, 1).to_dict()
    assert place_in_words(place_narrowed(kept, TURN, TURN + 5)) == "page 2"
