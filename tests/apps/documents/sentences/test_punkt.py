from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.documents.sentences.punkt import WINDOW, sentence_spans, sentences

TEXTS = st.text(st.sampled_from("aAb .!?\n。！\u2028\u00a0"), max_size=80) | st.text(max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n ", []),
        ("Dr. Berg came at 7 a.m. today. He left.", ["Dr. Berg came at 7 a.m. today.", "He left."]),
        ("天文台は山の上にあります。入場は無料です。", ["天文台は山の上にあります。", "入場は無料です。"]),
    ],
)
def test_a_text_is_cut_where_its_sentences_end(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text, 0, len(text))] == expected


def test_spans_count_from_the_beginning_of_the_text_wherever_the_search_begins() -> None:
    text = "The first one is passed over. The second one stands. The third one too."
    start, end = text.index("The second"), text.index("The third")
    assert [text[slice(*span)] for span in sentence_spans(text, start, end)] == ["The second one stands."]


@given(TEXTS)
def test_the_sentences_together_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


@given(TEXTS)
def test_nothing_but_white_space_lies_between_the_spans(text: str) -> None:
    spans = list(sentence_spans(text, 0, len(text)))
    assert spans == sorted(spans)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    left = list(text)
    for start, end in spans:
        left[start:end] = " " * (end - start)
    assert not "".join(left).strip()


def test_a_text_longer_than_one_search_is_cut_between_words() -> None:
    text = "harbour " * WINDOW
    parts = list(sentences(text))
    assert len(parts) > 1
    assert {word for part in parts for word in part.split()} == {"harbour"}


def test_the_quick_way_imports_nothing_that_only_workers_have() -> None:
    """The web process cuts passages into sentences, and has neither nltk nor llama-index."""
    script = "import sys, apps.documents.sentences.quick; print({'nltk', 'llama_index'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
