from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.documents.sentences.statements import says_something, statement_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in statement_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\n ", []),
        ("One sentence without an end", ["One sentence without an end"]),
        (
            "The harbour has 42 berths. A berth costs 31 euros.",
            ["The harbour has 42 berths.", "A berth costs 31 euros."],
        ),
        (
            "Is it open on Sundays, too? Yes, it is open then! And it closes late…  So they say here.",
            ["Is it open on Sundays, too?", "Yes, it is open then!", "And it closes late…  So they say here."],
        ),
        ("He said “we open at seven.” Then he left us alone.", ["He said “we open at seven.”", "Then he left us alone."]),
        ("Ask Dr. Horvat or Mr. Klee about it today.", ["Ask Dr. Horvat or Mr. Klee about it today."]),
        ("See e.g. the manual of J. Kessler, No. 7 of it.", ["See e.g. the manual of J. Kessler, No. 7 of it."]),
        ("The mirror weighs 3.85 tonnes at least.", ["The mirror weighs 3.85 tonnes at least."]),
        ("The first without a stop\n\nThe second of the text", ["The first without a stop", "The second of the text"]),
        ("A line that is\nbroken in two goes on.", ["A line that is\nbroken in two goes on."]),
        (
            "- the first item is here\n- the second item is here\n3. the third item is here",
            ["- the first item is here", "- the second item is here", "3. the third item is here"],
        ),
        ("# Opening hours\nThe office opens at seven.", ["# Opening hours", "The office opens at seven."]),
        ("## No. 7. The pier\n\nIt is long.\n# Last", ["## No. 7. The pier", "It is long.", "# Last"]),
        ("The office is here.\n# Opening hours", ["The office is here.", "# Opening hours"]),
        ("29 February 2024\n\nThe power failed at night.", ["29 February 2024", "The power failed at night."]),
        ("Late. The power failed at night for an hour.", ["Late. The power failed at night for an hour."]),
        ("天文台は山の上にあります。入場は無料です。", ["天文台は山の上にあります。", "入場は無料です。"]),
        ("The end of all this. Short", ["The end of all this.", "Short"]),
    ],
    ids=lambda value: repr(value)[:50],
)  # fmt: skip
def test_a_text_is_cut_where_its_sentences_end(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


TEXTS = st.text(st.sampled_from("aAb .!?…\n#-*|1)。」”é漢\u2028\u00a0\U0001f40b"), max_size=80) | st.text(max_size=80)


@given(TEXTS)
def test_spans_are_in_order_in_range_and_trimmed(text: str) -> None:
    spans = statement_spans(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)


@given(TEXTS)
@example("。\u2028")
def test_nothing_but_white_space_lies_between_the_sentences(text: str) -> None:
    left = list(text)
    for start, end in statement_spans(text):
        left[start:end] = " " * (end - start)
    assert not "".join(left).strip()


@pytest.mark.parametrize(
    ("sentence", "says"),
    [
        ("The harbour has 42 berths.", True),
        ("It opens at seven.", True),
        ("天文台は山", True),
        ("# The harbour has 42 berths.", False),
        ("  ## The harbour has 42 berths.", False),
        ("42 berths, guests.", False),
        ("---", False),
        ("", False),
    ],
)
def test_a_heading_or_a_stray_word_is_no_statement(sentence: str, says: bool) -> None:
    assert says_something(sentence) is says
