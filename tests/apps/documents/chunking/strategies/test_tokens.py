from itertools import pairwise

from apps.documents.chunking.chunker import chunk
from apps.documents.chunking.settings import ChunkingSettings, ChunkingStrategy
from tests.apps.documents.chunking.making import SpaceTokenizer, WordPieceTokenizer, document, words_of


def by_tokens(parsed, tokenizer, *, size, overlap):
    return chunk(parsed, ChunkingSettings(ChunkingStrategy.TOKENS, size=size, overlap=overlap), tokenizer)


def test_every_chunk_but_the_last_has_the_full_size():
    parsed = document(" ".join(f"w{number}." for number in range(105)))
    spans = by_tokens(parsed, SpaceTokenizer(), size=20, overlap=5)
    assert [span.token_count for span in spans] == [20, 20, 20, 20, 20, 20, 15]


def test_every_chunk_repeats_exactly_the_overlap():
    parsed = document(" ".join(f"w{number}." for number in range(105)))
    for one, other in pairwise(by_tokens(parsed, SpaceTokenizer(), size=20, overlap=5)):
        assert words_of(parsed, other).split()[:5] == words_of(parsed, one).split()[-5:]


def test_words_of_several_tokens_are_not_cut():
    parsed = document("uncharacteristically ornithological " * 100)
    tokenizer = WordPieceTokenizer()
    longest = max(map(tokenizer.count, ["uncharacteristically", "ornithological"]))
    spans = by_tokens(parsed, tokenizer, size=20, overlap=0)
    for span in spans:
        assert set(words_of(parsed, span).split()) <= {"uncharacteristically", "ornithological"}
    assert all(span.token_count > 20 - longest for span in spans[:-1])
    assert longest > 1
