import html
import subprocess
import sys
import time

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.chunking.chunker import STRATEGIES, chunk
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from apps.documents.parsing.registry import parse
from apps.documents.parsing.types import DocumentType, ParsedDocument
from tests.apps.documents.chunking.making import (
    TOKENIZERS,
    SpaceTokenizer,
    WordPieceTokenizer,
    all_words,
    assert_sound,
    document,
    documents,
    embed_words,
    page,
    words_of,
)

CODE = """def tide(hour):
    # It rises. It falls. It waits.
    level = hour * 2

    if level > 9:
        return 'high. Stay in.'

    return 'low. Go out.'"""
PROSE = "The tide comes and goes. It is told by a function. " * 3


def as_docx(path):
    written = docx.Document()
    written.add_paragraph(PROSE)
    for line in CODE.split("\n"):
        written.add_paragraph().add_run(line).font.name = "Consolas"
    written.add_paragraph(PROSE)
    written.save(str(path))


WRITERS = {
    DocumentType.HTML: lambda path: path.write_text(f"<p>{PROSE}</p><pre>{html.escape(CODE)}</pre><p>{PROSE}</p>"),
    DocumentType.MARKDOWN: lambda path: path.write_text(f"{PROSE}\n\n```python\n{CODE}\n```\n\n{PROSE}\n"),
    DocumentType.DOCX: as_docx,
}

EVERY_STRATEGY = pytest.mark.parametrize("strategy", list(ChunkingStrategy))


@EVERY_STRATEGY
@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
@given(parsed=documents(), size=st.integers(16, 60), share=st.floats(0, 0.5))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_chunks_of_any_text_are_sound_and_always_the_same(strategy, tokenizer, parsed, size, share):
    chunking = ChunkingSettings(strategy, size=size, overlap=int(size * share))
    spans = chunk(parsed, chunking, tokenizer, embed=embed_words)
    assert_sound(parsed, chunking, tokenizer, spans)
    assert chunk(parsed, chunking, tokenizer, embed=embed_words) == spans


@EVERY_STRATEGY
@given(parsed=documents(), size=st.integers(16, 60), share=st.floats(0, 0.5))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_chunk_repeats_more_than_the_overlap(strategy, parsed, size, share):
    chunking, tokenizer = ChunkingSettings(strategy, size=size, overlap=int(size * share)), SpaceTokenizer()
    covered = 0
    for span in chunk(parsed, chunking, tokenizer, embed=embed_words):
        assert tokenizer.count(parsed.text[span.start : covered]) <= chunking.overlap
        covered = span.end


def test_every_strategy_is_in_the_table():
    assert set(STRATEGIES) == set(ChunkingStrategy)


@EVERY_STRATEGY
def test_a_section_that_fits_is_one_chunk(strategy):
    parsed = document("First sentence. Second sentence.", "Another section.")
    spans = chunk(parsed, ChunkingSettings(strategy), SpaceTokenizer(), embed=embed_words)
    assert all_words(parsed, spans) == ["First sentence. Second sentence.", "Another section."]


@EVERY_STRATEGY
def test_chunks_keep_the_place_and_headings_of_their_section(strategy):
    pages = [page(1), page(2)]
    parsed = document("On the first page", "it goes on.", places=pages, paths=[("Duck",), ("Duck", "Food")])
    spans = chunk(parsed, ChunkingSettings(strategy), SpaceTokenizer(), embed=embed_words)
    assert [(span.place, span.heading_path) for span in spans] == [(pages[0], ("Duck",)), (pages[1], ("Duck", "Food"))]


def test_the_rest_of_a_table_that_does_not_fit_carries_its_first_row():
    rows = ["| station | height | state |", *(f"| station {number} | {number * 7} m | open |" for number in range(60))]
    parsed = document("Where to stay.\n\n" + "\n".join(rows) + "\n\nThat is all of them.")
    spans = chunk(parsed, ChunkingSettings(size=60, overlap=10), SpaceTokenizer())
    first, second, *others = [span for span in spans if "open |" in words_of(parsed, span)]
    assert rows[0] in words_of(parsed, first)
    assert first.table_header == ""
    assert {span.table_header for span in (second, *others)} == {rows[0]}
    assert words_of(parsed, spans[-1]) == "That is all of them."
    assert spans[-1].table_header == ""


def test_a_first_row_that_would_fill_the_chunks_is_not_carried():
    rows = ["| " + "long " * 30 + "|", *(f"| {number} |" for number in range(60))]
    parsed = document("\n".join(rows))
    spans = chunk(parsed, ChunkingSettings(size=60, overlap=0), SpaceTokenizer())
    assert len(spans) > 2
    assert {span.table_header for span in spans} == {""}


def test_a_row_that_is_larger_than_a_chunk_is_cut_and_its_rest_carries_the_first_row():
    parsed = document("| name | song |\n| duck | " + "quack " * 200 + "|\n| goose | honk |")
    chunking, tokenizer = ChunkingSettings(size=40, overlap=5), SpaceTokenizer()
    spans = chunk(parsed, chunking, tokenizer)
    assert_sound(parsed, chunking, tokenizer, spans)
    assert [span.table_header for span in spans] == ["", *["| name | song |"] * (len(spans) - 1)]


def test_only_the_semantic_strategy_embeds():
    def refuse(texts):
        raise AssertionError(f"{len(texts)} texts were sent to be embedded")

    parsed = document("One more short sentence. " * 100)
    for strategy in set(ChunkingStrategy) - {ChunkingStrategy.SEMANTIC}:
        assert chunk(parsed, ChunkingSettings(strategy), SpaceTokenizer(), embed=refuse)


@EVERY_STRATEGY
def test_chunks_are_never_larger_than_the_model_takes(strategy):
    parsed = document("One more short sentence. " * 300)
    tokenizer = SpaceTokenizer()
    tokenizer.limit = 50
    chunking = ChunkingSettings(strategy, size=500, overlap=100)
    spans = chunk(parsed, chunking, tokenizer, embed=embed_words)
    assert_sound(parsed, chunking, tokenizer, spans)
    assert len(spans) > 20


@EVERY_STRATEGY
def test_a_giant_word_is_cut_by_tokens_and_not_kept_as_one_unknown_token(strategy):
    parsed = document("before " + "ab-" * 5_000 + " after " + "y" * 5_000)
    tokenizer, chunking = WordPieceTokenizer(), ChunkingSettings(strategy)
    spans = chunk(parsed, chunking, tokenizer, embed=embed_words)
    assert_sound(parsed, chunking, tokenizer, spans)
    assert max(span.end - span.start for span in spans) <= 220 * 16


@EVERY_STRATEGY
def test_a_document_without_sections_has_no_chunks(strategy):
    assert chunk(ParsedDocument("", ()), ChunkingSettings(strategy), SpaceTokenizer(), embed=embed_words) == ()


SLOWEST = {
    ChunkingStrategy.SENTENCE: ("prose", "rows", "fences", "spaces", "indented"),
    ChunkingStrategy.HEADING: ("sections",),
    ChunkingStrategy.TOKENS: ("prose", "sections"),
}
"""Strategies share the way to cut a section: each is tried with the shapes that only it, or it first, would be slow with."""


@pytest.mark.parametrize(("strategy", "shape"), [(one, shape) for one, shapes in SLOWEST.items() for shape in shapes])
def test_a_megabyte_is_chunked_in_seconds(strategy, shape):
    """By half a megabyte in half the time, in which what takes time squared shows as well."""
    sentence = "The {} duck of the northern lake weighs {} grams, and eats leaves. "
    numbered = [sentence.format(number, number * 3) for number in range(7_500)]
    parsed = {
        "prose": lambda: document("".join(numbered)),
        "sections": lambda: document(*numbered, paths=[("Lake", f"Part {n // 9}", f"{n}") for n in range(7_500)]),
        "rows": lambda: document("".join(f"| {text}|\n" for text in numbered)),
        "fences": lambda: document("".join(f"```{n}\n{text}\n" for n, text in enumerate(numbered))),
        "spaces": lambda: document("```\n" + "a\n" + " " * 500_000 + "b\n" * 4_500 + "```"),
        "indented": lambda: document("".join(f"    {text}\n\n" for text in numbered)),
    }[shape]()
    assert len(parsed.text) > 500_000
    started = time.process_time()
    spans = chunk(parsed, ChunkingSettings(strategy), WordPieceTokenizer())
    assert time.process_time() - started < 10
    assert len(spans) > 10


WHOLE = ["👨\u200d👩\u200d👧", "e\u0301", "🇩🇪", "น้ำ", "क्ष", "한", "နော်", "👍🏽", "a", "漢", " ", "。", "।"]


@EVERY_STRATEGY
@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda tokenizer: type(tokenizer).__name__)
@given(characters=st.lists(st.sampled_from(WHOLE), min_size=1, max_size=200), size=st.integers(20, 60))
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_chunk_begins_or_ends_inside_what_people_take_for_one_character(strategy, tokenizer, characters, size):
    places, text = set(), ""
    for character in characters:
        places.add(len(text))
        text += character
    places.add(len(text))
    if not text.strip():
        return
    chunking = ChunkingSettings(strategy, size=size, overlap=8)
    for span in chunk(document(text), chunking, tokenizer, embed=embed_words):
        assert {span.start, span.end} <= places


def test_only_the_chunker_imports_llama_index():
    imports = "import sys, apps.documents.chunking.settings, apps.documents.chunking.types"
    code = f"{imports}; print('llama_index' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert answer.stdout.strip() == "False"


@EVERY_STRATEGY
@pytest.mark.parametrize("document_type", WRITERS)
def test_code_that_fits_is_whole_in_one_chunk_whatever_file_it_came_in(strategy, document_type, tmp_path):
    path = tmp_path / f"file.{document_type}"
    WRITERS[document_type](path)
    parsed, chunking = parse(path, document_type), ChunkingSettings(strategy, size=30, overlap=0)
    spans = chunk(parsed, chunking, SpaceTokenizer(), embed=embed_words)
    assert_sound(parsed, chunking, SpaceTokenizer(), spans)
    assert len(spans) > 2
    assert sum(CODE in words for words in all_words(parsed, spans)) == 1


class MeteredTokenizer(SpaceTokenizer):
    """Keeps how long the longest text was that it was given."""

    limit = 100
    longest = 0

    def count(self, text):
        self.longest = max(self.longest, len(text))
        return super().count(text)

    def offsets(self, text):
        self.longest = max(self.longest, len(text))
        return super().offsets(text)


@pytest.mark.parametrize("strategy", ChunkingStrategy)
@pytest.mark.parametrize(
    "text",
    ["x" * 300_000, "ab.c,d;" * 40_000, "| " + "long row | " * 30_000 + "\n| next row |", "seen " * 30 + "x" * 300_000],
    ids=["word", "signs", "row", "last-word"],
)
def test_however_long_a_word_or_a_row_is_the_tokenizer_gets_little_at_a_time(strategy, text):
    """A tokenizer keeps the interpreter while it counts: seconds for each megabyte."""
    tokenizer = MeteredTokenizer()
    spans = chunk(document(text), ChunkingSettings(strategy, size=60, overlap=10), tokenizer, embed=embed_words)
    assert spans[-1].end == len(text)
    assert tokenizer.longest < 5_000
