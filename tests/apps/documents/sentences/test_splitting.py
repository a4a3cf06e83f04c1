from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.documents.sentences.splitting import sentence_spans, sentences
from benchmarks.sentences.__main__ import marked_of, measured

LOOKED_AT = marked_of("looked_at")
TEXTS = (
    st.text(st.sampled_from("aAb .!?…\n#-*|1)。」”é漢क।ก`$\u2028\u00a0\U0001f40b"), max_size=80)
    | st.lists(st.sampled_from(["Dr.", "3.", "März", "A.", "a. m.", "```", "`x. Y`", "$ ls .", "The", "น.", "\n\n"]))
    .map(" ".join)
    | st.text(max_size=80)
)  # fmt: skip


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


def ends_of(text: str) -> tuple[int, ...]:
    return tuple(end for _, end in sentence_spans(text))


@pytest.mark.parametrize("language", sorted({one.language for one in LOOKED_AT}))
def test_texts_of_many_languages_are_cut_as_they_were_marked_by_hand(language: str) -> None:
    for one in LOOKED_AT:
        if one.language == language:
            assert (one.text, ends_of(one.text)) == (one.text, one.ends)


def test_texts_that_were_never_looked_at_are_cut_nearly_as_well() -> None:
    result = measured(marked_of("kept_aside"), lambda text, _: ends_of(text), loud=False)
    assert result.found >= 0.95 * result.ends
    assert result.wrong <= 0.05 * result.ends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\n ", []),
        ("One sentence without an end", ["One sentence without an end"]),
        ("all is written small. still it has sentences.", ["all is written small.", "still it has sentences."]),
        ("a wing was tested . it was , in part , short .", ["a wing was tested .", "it was , in part , short ."]),
        ("Run docker build . to make it. Then go on . and on.", ["Run docker build . to make it.", "Then go on . and on."]),
        ("The first without a stop\n\nThe second", ["The first without a stop", "The second"]),
        ("A line that is\nbroken in two goes on.", ["A line that is\nbroken in two goes on."]),
        ("Bring them on the\n3. March of the year.", ["Bring them on the\n3. March of the year."]),
        ("- one item\n- two items\n3. three items", ["- one item", "- two items", "3. three items"]),
        ("Costs\n| a | b |\n| 1. A | 2. B |", ["Costs", "| a | b |", "| 1. A | 2. B |"]),
        ("## No. 7. The pier\n\nIt is long.\n# Last", ["## No. 7. The pier", "It is long.", "# Last"]),
        ("So.\n```sh\nls. Then\n\ncd. Now\n```\nEnd it.", ["So.", "```sh\nls. Then\n\ncd. Now\n```", "End it."]),
        ("Run it:\n$ echo Done. Now && rm x\nThat is all.", ["Run it:", "$ echo Done. Now && rm x", "That is all."]),
        ("The end of all this. Short", ["The end of all this.", "Short"]),
        ("He pays 5 kg. Peter pays more.", ["He pays 5 kg.", "Peter pays more."]),
        ("Is that so?! Yes.", ["Is that so?!", "Yes."]),
        ("He wrote [...] Berlin is far.", ["He wrote [...] Berlin is far."]),
        ("It rains 🌧. 🌞 comes later.", ["It rains 🌧.", "🌞 comes later."]),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_a_text_is_cut_where_its_sentences_end(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_spans_count_from_the_beginning_of_the_text_wherever_the_search_begins() -> None:
    text = "The first one is passed over. The second one stands. The third one too."
    start, end = text.index("The second"), text.index("The third")
    assert [text[slice(*span)] for span in sentence_spans(text, start, end)] == ["The second one stands."]


@given(TEXTS)
@example("。\u2028")
def test_spans_are_in_order_and_trimmed_and_nothing_but_white_space_lies_between_them(text: str) -> None:
    spans = sentence_spans(text)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    left = list(text)
    for start, end in spans:
        left[start:end] = " " * (end - start)
    assert not "".join(left).strip()
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "." * 60_000,
        ". " * 30_000,
        "a. " * 20_000,
        "ก " * 30_000,
        "`" * 60_000,
        "`a. A` B. " * 8_000,
        "\n$ " * 20_000,
        "1. 1. A " * 8_000,
    ],
    ids=lambda text: repr(text[:6]),
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    sentence_spans(text)
    assert time.process_time() - started < 3


def test_the_web_process_can_import_it() -> None:
    script = (
        "import sys, apps.documents.sentences.statements; print({'nltk', 'llama_index', 'regex'} & set(sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"
