from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from tests.apps.documents.chunking.making import SpaceTokenizer, all_words, document, page

TWENTY = "word " * 19 + "end."


def cut(*texts, paths, size=80, places=None):
    parsed = document(*texts, paths=paths, places=places)
    spans = chunk(parsed, ChunkingSettings(size=size, overlap=0), SpaceTokenizer())
    return [
        (span.heading_path, words.replace(TWENTY, "twenty"))
        for span, words in zip(spans, all_words(parsed, spans), strict=True)
    ]


def test_a_small_section_joins_the_next_one_under_the_heading_that_both_share():
    paths = [("Guide", "Aim"), ("Guide", "Ducks"), ("Guide", "Geese")]
    assert cut("Short.", TWENTY, TWENTY, paths=paths) == [
        (("Guide",), "Short.\n\ntwenty"),
        (("Guide", "Geese"), "twenty"),
    ]


def test_a_heading_without_text_joins_its_first_subsection():
    paths = [("Guide", "Ducks"), ("Guide", "Ducks", "Food")]
    assert cut("Ducks", TWENTY, paths=paths) == [(("Guide", "Ducks"), "Ducks\n\ntwenty")]


def test_small_sections_in_a_row_join_until_they_are_no_longer_small():
    paths = [("Guide", str(number)) for number in range(11)]
    assert cut(*["Two words."] * 11, paths=paths) == [
        (("Guide",), "\n\n".join(["Two words."] * count)) for count in (3, 3, 5)
    ]


def test_a_small_section_at_the_end_joins_the_one_before():
    assert cut(TWENTY, "Bye.", paths=[("Guide", "Ducks"), ("Guide", "End")]) == [(("Guide",), "twenty\n\nBye.")]


def test_small_sections_without_headings_join():
    assert cut("One.", "Two.", paths=[(), ()]) == [((), "One.\n\nTwo.")]


def test_a_small_section_never_joins_another_page():
    texts = cut("One.", "Two.", paths=[("Guide",)] * 2, places=[page(1), page(2)])
    assert texts == [(("Guide",), "One."), (("Guide",), "Two.")]


def test_a_small_section_never_joins_another_chapter():
    paths = [("Guide", "Ducks", "Food"), ("Guide", "Geese", "Food"), ("Songs",)]
    assert [path for path, _ in cut("One.", "Two.", "Three.", paths=paths)] == paths


def test_small_sections_stay_apart_where_they_would_not_fit_together():
    assert len(cut("One.", TWENTY, paths=[("Guide", "a"), ("Guide", "b")], size=20)) == 2


def test_sections_that_are_not_small_stay_apart():
    assert len(cut(TWENTY, TWENTY, paths=[("Guide", "a"), ("Guide", "b")])) == 2


def test_a_section_of_two_sentences_is_not_small_by_default():
    texts = [
        "Berths\n\nThe harbour has 42 berths for guests. A berth costs 31 euros a night.",
        "Safety\n\nWear a life jacket.",
    ]
    paths = [("Handbook", "Berths"), ("Handbook", "Safety")]
    assert [path for path, _ in cut(texts[0], texts[0], paths=paths, size=220)] == paths
    assert [path for path, _ in cut(*texts, paths=paths, size=220)] == [("Handbook",)]
