from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.retrieval.answers.extractive.choosing import MOST
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.types import Statement
from apps.retrieval.search.passages import Passage
from tests import factories as make
from tests.apps.retrieval.making import material, passage

HARBOUR = (
    "The harbour office opens at 07:30 on working days. The harbour has 42 berths for guests. "
    "Life jackets must be worn on the outer pier."
)


Ask = Callable[..., list[Statement]]
Texts = Callable[..., list[str]]


@pytest.fixture
def statements() -> Ask:
    """The statements about a question that the generator makes from passages."""

    def ask(text: str, *passages: Passage) -> list[Statement]:
        pieces = ExtractiveGenerator().generate(material(text, *passages), deadline=make.soon())
        return [piece for piece in pieces if isinstance(piece, Statement)]

    return ask


@pytest.fixture
def texts(statements: Ask) -> Texts:
    return lambda text, *passages: [statement.text for statement in statements(text, *passages)]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("How many berths for guests has the harbour?", "The harbour has 42 berths for guests."),
        ("When does the harbour office open on working days?", "The harbour office opens at 07:30 on working days."),
        ("Where must life jackets be worn?", "Life jackets must be worn on the outer pier."),
    ],
)
def test_the_sentence_that_answers_is_given(texts: Texts, asked: str, answer: str) -> None:
    assert texts(asked, passage(HARBOUR)) == [answer]


def test_an_answer_is_found_in_whichever_passage_holds_it(texts: Texts) -> None:
    other = passage("Tickets for the ferry are sold on board only.", version_id=uuid.uuid4())
    assert texts("Where are tickets for the ferry sold?", passage(HARBOUR), other) == [other.text]


@pytest.mark.parametrize(
    "asked", ["Who composed the ninth symphony?", "What is the capital of Mongolia?", "?", "the of and"]
)
def test_what_the_passages_do_not_hold_is_not_found(statements: Ask, asked: str) -> None:
    assert statements(asked, passage(HARBOUR)) == []


def test_every_statement_is_an_exact_span_of_its_passage_with_a_score(
    statements: Ask,
) -> None:
    text = "Before it there was a pier. The harbour has\n  42 berths for\tguests. After it came a wall."
    found = passage(text, start=1000)
    (statement,) = statements("How many berths for guests has the harbour?", found)
    (quotation,) = statement.quotations
    assert statement.text == "The harbour has 42 berths for guests."
    assert statement.is_shown
    assert quotation.quote == "The harbour has\n  42 berths for\tguests."
    assert text[quotation.start - 1000 : quotation.end - 1000] == quotation.quote
    assert quotation.passage == found
    assert 0 < quotation.score <= 1


def test_a_sentence_that_overlapping_passages_share_is_given_once(texts: Texts) -> None:
    shared = "The harbour has 42 berths for guests."
    first = passage(f"It is a fine day. {shared}", chunk_id=1)
    second = passage(f"{shared} Another day begins here.", chunk_id=2, start=len("It is a fine day. "))
    assert texts("How many berths for guests has the harbour?", first, second) == [shared]


def test_the_same_words_in_two_documents_are_given_once(texts: Texts) -> None:
    twins = [passage(HARBOUR, version_id=uuid.uuid4(), chunk_id=number) for number in range(3)]
    assert texts("How many berths for guests has the harbour?", *twins) == ["The harbour has 42 berths for guests."]


def test_a_heading_is_never_an_answer(texts: Texts) -> None:
    heading = "# How many berths for guests has the harbour?"
    assert texts("How many berths for guests has the harbour?", passage(heading)) == []
    with_text = passage(f"{heading}\n\nThe harbour has 42 berths for guests.")
    assert texts("How many berths for guests has the harbour?", with_text) == ["The harbour has 42 berths for guests."]


def test_no_more_sentences_are_given_than_anybody_wants_to_read(texts: Texts) -> None:
    sentences = [f"The harbour has {number} berths for guests." for number in range(10)]
    given = texts("How many berths for guests has the harbour?", passage(" ".join(sentences)))
    assert len(given) == MOST


class NoTransport:
    def run(self, *_: Any) -> Any:
        raise AssertionError("a model was asked")


@pytest.mark.parametrize("passages", [(), (passage("# Only a heading"),), (passage("42 words."),), (passage(HARBOUR),)])
def test_no_model_is_ever_asked(passages: tuple[Passage, ...], use_transport: Callable[[Any], None]) -> None:
    use_transport(NoTransport())
    list(ExtractiveGenerator().generate(material("How many berths?", *passages), deadline=make.soon()))


def test_a_row_before_another_one_ends_with_a_full_stop(texts: Texts) -> None:
    north = passage("| Thousand euros | 2023 | 2024 |\n| Sales of boats | 8,412 | 9,127 |")
    south = passage("| Thousand euros | 2023 | 2024 |\n| Sales of boats | 512 | 634 |")
    given = texts("What were the sales of boats in 2024?", north, south)
    assert given == ["Sales of boats · 2024: 9,127.", "Sales of boats · 2024: 634"]


def test_a_row_is_quoted_with_the_head_of_its_table_and_what_it_has_in_common_with_the_rows_beside_it(
    statements: Ask,
) -> None:
    text = (
        "| (in thousands) | 2014 | 2015 |\n| Revenue | 5,504 | 6,779 |\n| Earnings per share: | | |\n"
        "| Diluted | 0.62 | 0.28 |"
    )
    found = passage(text, start=700)
    (statement,) = statements("What were the diluted earnings per share in 2015?", found)
    assert statement.text == "Earnings per share: Diluted (in thousands) · 2015: 0.28"
    quotes = [one.quote for one in statement.quotations]
    assert quotes == ["| Diluted | 0.62 | 0.28 |", "| Earnings per share: | | |", "| (in thousands) | 2014 | 2015 |"]
    assert all(text[one.start - 700 : one.end - 700] == one.quote for one in statement.quotations)


def test_what_two_tables_say_in_the_same_words_is_told_once(texts: Texts) -> None:
    first = passage("| | 2014 | 2015 |\n| Revenue | 5,504 | 6,779 |", version_id=uuid.uuid4())
    second = passage("| | 2015 | 2016 |\n| Revenue | 6,779 | 8,830 |", version_id=uuid.uuid4())
    assert texts("What was the revenue in 2015?", first, second) == ["Revenue · 2015: 6,779"]
