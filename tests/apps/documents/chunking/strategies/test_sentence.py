from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from tests.apps.documents.chunking.making import (
    SpaceTokenizer,
    WordPieceTokenizer,
    all_words,
    assert_sound,
    document,
    words_of,
)


def test_chunks_end_where_sentences_end():
    sentences = [f"Dr. Smith saw {number} ducks, of 3.5 kg each, on the lake." for number in range(40)]
    parsed = document(" ".join(sentences))
    spans = chunk(parsed, ChunkingSettings(size=40, overlap=0), SpaceTokenizer())
    assert len(spans) > 5
    for span in spans:
        assert words_of(parsed, span).endswith("on the lake.")
        assert words_of(parsed, span).startswith("Dr. Smith saw")


def test_a_chunk_repeats_whole_sentences_of_the_one_before():
    sentences = [f"Sentence number {number} is here." for number in range(30)]
    parsed = document(" ".join(sentences))
    first, second, *_ = chunk(parsed, ChunkingSettings(size=30, overlap=12), SpaceTokenizer())
    repeated = parsed.text[second.start : first.end]
    assert repeated == "Sentence number 1 is here. Sentence number 2 is here."


def test_a_chunk_repeats_words_where_no_sentence_is_short_enough():
    parsed = document(" ".join(f"word{number}" for number in range(100)))
    first, second, *_ = chunk(parsed, ChunkingSettings(size=30, overlap=5), SpaceTokenizer())
    assert parsed.text[second.start : first.end].split() == [f"word{number}" for number in range(20, 25)]


def test_long_tables_are_cut_between_rows():
    rows = [f"| station {number} | {number * 7} m | open |" for number in range(60)]
    parsed = document("\n".join(rows))
    spans = chunk(parsed, ChunkingSettings(size=60, overlap=10), SpaceTokenizer())
    assert len(spans) > 5
    for span in spans:
        assert words_of(parsed, span).startswith("| station")
        assert words_of(parsed, span).endswith("open |")


def test_text_without_spaces_is_cut_at_its_own_full_stops():
    parsed = document("東京は日本の首都です。" * 60)
    spans = chunk(parsed, ChunkingSettings(size=64, overlap=0), WordPieceTokenizer())
    assert len(spans) > 5
    assert all(words_of(parsed, span).endswith("。") for span in spans)


def test_sentences_of_scripts_with_and_without_spaces_may_follow_each_other():
    parsed = document("東京は日本の首都です。 \n It has many ducks. 人口が多い。\tAnd more. " * 40)
    tokenizer = WordPieceTokenizer()
    assert_sound(parsed, ChunkingSettings(), tokenizer, chunk(parsed, ChunkingSettings(), tokenizer))


def test_a_long_section_does_not_run_on_into_the_next_one():
    parsed = document("One sentence of five words. " * 20, "The next section has a sentence of its own.")
    spans = chunk(parsed, ChunkingSettings(size=40, overlap=8), SpaceTokenizer())
    assert all_words(parsed, spans)[-1] == "The next section has a sentence of its own."
