from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from tests.apps.documents.chunking.making import SpaceTokenizer, all_words, document, page

TEN = "one two three four five six seven eight nine ten."


def by_heading(parsed, *, size, overlap=0):
    return chunk(parsed, ChunkingSettings(ChunkingStrategy.HEADING, size=size, overlap=overlap), SpaceTokenizer())


def guide(**choices):
    paths = [
        ("Guide",),
        ("Guide", "Ducks"),
        ("Guide", "Ducks", "Food"),
        ("Guide", "Geese"),
        ("Guide", "Geese", "Nests"),
    ]
    return document(*[TEN] * 5, paths=paths, **choices)


def test_a_whole_document_that_fits_is_one_chunk_under_its_title():
    (span,) = by_heading(guide(), size=50)
    assert (span.heading_path, span.token_count) == (("Guide",), 50)


def test_what_stands_under_a_heading_stays_together_where_the_document_does_not_fit():
    spans = by_heading(guide(), size=49)
    assert [span.heading_path for span in spans] == [("Guide",), ("Guide", "Ducks"), ("Guide", "Geese")]
    assert [span.token_count for span in spans] == [10, 20, 20]


def test_sections_are_chunks_of_their_own_where_nothing_more_fits():
    assert [span.heading_path[-1] for span in by_heading(guide(), size=16)] == [
        "Guide",
        "Ducks",
        "Food",
        "Geese",
        "Nests",
    ]


def test_chapters_without_a_title_above_them_stay_apart():
    spans = by_heading(document(TEN, TEN, paths=[("Ducks",), ("Geese",)]), size=100)
    assert [span.heading_path for span in spans] == [("Ducks",), ("Geese",)]


def test_pages_stay_apart_although_they_share_their_headings():
    places = [page(1), page(1), page(2), page(2), page(2)]
    spans = by_heading(guide(places=places), size=100)
    assert [(span.place, span.heading_path) for span in spans] == [(page(1), ("Guide",)), (page(2), ("Guide",))]


def test_sections_of_the_same_heading_that_do_not_fit_together_stay_apart():
    parsed = document(*[TEN] * 3, paths=[("Duck",)] * 3)
    assert all_words(parsed, by_heading(parsed, size=25)) == [TEN] * 3


def test_a_section_that_does_not_fit_is_cut_at_its_paragraphs():
    paragraphs = [f"{TEN} {TEN}", TEN, f"{TEN} {TEN}"]
    parsed = document("\n\n".join(paragraphs), paths=[("Duck",)])
    assert all_words(parsed, by_heading(parsed, size=25)) == paragraphs
