import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.cutting import BlockKind, blocks
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from tests.apps.documents.chunking.making import SpaceTokenizer, all_words, document, embed_words


def found(text):
    return [(block.kind.value, text[block.start : block.end].strip("\n")) for block in blocks(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Before.\n| a | b |\n| c | d |\nAfter.", [("table", "| a | b |\n| c | d |")]),
        ("  | a |\n  | b |", [("table", "  | a |\n  | b |")]),
        ("a | b\nc | d", []),
        ("```py\nx\n\ny\n```\nz", [("fenced", "```py\nx\n\ny\n```")]),
        ("~~~\n```\n~~~", [("fenced", "~~~\n```\n~~~")]),
        ("````\n```\n````", [("fenced", "````\n```\n````")]),
        ("```\nnever closed", []),
        ("```not `code` here```\nx\n```", []),
        ("```\n| a |\n```\n| b |", [("fenced", "```\n| a |\n```"), ("table", "| b |")]),
        ("Text:\n\n    x = 1\n\n    y = 2\nEnd", [("indented", "    x = 1\n\n    y = 2")]),
        ("Text:\n\n\tx = 1", [("indented", "\tx = 1")]),
        ("A line\n    that goes on", []),
        ("    x = 1", [("indented", "    x = 1")]),
        ("", []),
    ],
)
def test_tables_and_code_are_found(text, expected):
    assert found(text) == expected


@given(st.lists(st.sampled_from(["```", "~~~", "| a |", "    x", "\tx", "", "  ", "prose"]), max_size=30))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_blocks_come_in_order_and_never_in_each_other(lines):
    text, position = "\n".join(lines), 0
    for block in blocks(text, 0, len(text)):
        assert position <= block.start < block.end <= len(text)
        assert text[block.start : block.end].strip() or block.kind is BlockKind.FENCED
        position = block.end


PROSE = " ".join(f"Sentence {number} of the prose is here." for number in range(12))
TABLE = "\n".join(f"| row {number}. | A cell. Of words. |" for number in range(5))
FENCED = "```\nfirst = 1\n\n\nsecond = 2.\n\nThird = 3. Fourth = 4.\n```"
INDENTED = "def duck():\n\n        return 1\n\n    # A comment. Of sentences.\n\n    duck()"


@pytest.mark.parametrize("strategy", list(ChunkingStrategy))
@pytest.mark.parametrize("block", [TABLE, FENCED, f"    {INDENTED}"], ids=["table", "fenced", "indented"])
@pytest.mark.parametrize("before", range(1, 12))
def test_what_fits_stays_whole_wherever_it_stands(strategy, block, before):
    parsed = document(f"{PROSE[: before * 35]}\n\n{block}\n\n{PROSE}")
    spans = chunk(parsed, ChunkingSettings(strategy, size=50, overlap=10), SpaceTokenizer(), embed=embed_words)
    assert len(spans) > 2
    assert sum(block.strip() in words for words in all_words(parsed, spans)) == 1


@pytest.mark.parametrize("strategy", list(ChunkingStrategy))
def test_a_table_as_large_as_a_chunk_stays_whole_and_loses_only_what_would_be_repeated(strategy):
    table = "\n".join("| four tokens |" for _ in range(12))
    parsed = document(f"{PROSE}\n\n{table}\n\n{PROSE}")
    spans = chunk(parsed, ChunkingSettings(strategy, size=50, overlap=20), SpaceTokenizer(), embed=embed_words)
    assert table in all_words(parsed, spans)


def test_a_short_lead_stays_with_its_table():
    parsed = document(f"{PROSE[: PROSE.index(' Sentence 9')]}\n\n{TABLE}")
    spans = chunk(parsed, ChunkingSettings(size=60, overlap=0), SpaceTokenizer())
    assert all_words(parsed, spans)[-1] == f"Sentence 8 of the prose is here.\n\n{TABLE}"


def test_code_that_does_not_fit_is_cut_at_its_empty_lines():
    functions = [f"def duck_{number}(self):\n    a = 1\n    return a + {number}" for number in range(12)]
    parsed = document("```\n" + "\n\n".join(functions) + "\n```")
    spans = chunk(parsed, ChunkingSettings(size=30, overlap=10), SpaceTokenizer())
    assert len(spans) > 3
    assert all(words.removeprefix("```\n").startswith("def duck_") for words in all_words(parsed, spans))


def test_a_stanza_of_code_that_does_not_fit_is_cut_between_its_lines():
    parsed = document("```\n" + "\n".join(f"call(number, {number})  # done." for number in range(60)) + "\n```")
    spans = chunk(parsed, ChunkingSettings(size=30, overlap=10), SpaceTokenizer())
    assert all(words.removesuffix("\n```").endswith("# done.") for words in all_words(parsed, spans))


def test_a_text_that_is_indented_as_a_whole_is_cut_at_its_sentences():
    parsed = document("\n".join(f"    Sentence {number} has a\n    line break." for number in range(60)))
    spans = chunk(parsed, ChunkingSettings(size=30, overlap=0), SpaceTokenizer())
    assert all(words.startswith("Sentence") and words.endswith("break.") for words in all_words(parsed, spans))


def test_neither_tables_nor_code_are_repeated():
    parsed = document(f"{TABLE}\n\n{PROSE}")
    spans = chunk(parsed, ChunkingSettings(size=40, overlap=20), SpaceTokenizer())
    assert sum(words.count("| row 4. |") for words in all_words(parsed, spans)) == 1


@pytest.mark.parametrize(
    ("first", "is_repeated"),
    [("| | 2023 | 2022 |", True), ("| Berth | Length | Price |", True), ("| Repairs | $ 3 | (1) |", False)],
)
def test_the_first_row_of_a_table_is_repeated_where_it_names_columns(first, is_repeated):
    text = "\n".join([first, *(f"| Berth {number} | {number} | {number} |" for number in range(40))])
    chunks = chunk(document(text), ChunkingSettings(size=60, overlap=0), SpaceTokenizer())
    assert {span.table_header for span in chunks[1:]} == {first if is_repeated else ""}
    assert len(chunks) > 2


def test_a_head_of_a_third_of_a_chunk_is_repeated_and_a_longer_one_is_not():
    rows = [f"| Berth {number} | {number} | {number} |" for number in range(40)]
    heads = {names: f"| Berth | {'long ' * names}| Price |" for names in (10, 30)}
    found = {
        names: chunk(document("\n".join([head, *rows])), ChunkingSettings(size=60, overlap=0), SpaceTokenizer())[-1]
        for names, head in heads.items()
    }
    assert (found[10].table_header, found[30].table_header) == (heads[10], "")
