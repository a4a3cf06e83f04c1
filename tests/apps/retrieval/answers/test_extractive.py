from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline
from apps.retrieval.answers.extractive import MAX_CLAIMS, MIN_SCORE, ExtractiveGenerator
from apps.retrieval.answers.types import Draft
from apps.retrieval.search.passages import Passage
from tests import factories as make
from tests.apps.retrieval.making import passage, question

HARBOUR = (
    "The harbour office opens at 07:30 on working days. The harbour has 42 berths for guests. "
    "Life jackets must be worn on the outer pier."
)


def draft(text: str, *passages: Passage) -> Draft:
    return ExtractiveGenerator().generate(question(text), passages, deadline=make.soon())


def claims(text: str, *passages: Passage) -> list[str]:
    return [claim.text for claim in draft(text, *passages).claims]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("How many berths for guests has the harbour?", "The harbour has 42 berths for guests."),
        ("When does the harbour office open on working days?", "The harbour office opens at 07:30 on working days."),
        ("Where must life jackets be worn?", "Life jackets must be worn on the outer pier."),
    ],
)
def test_the_sentence_that_answers_is_given(asked: str, answer: str) -> None:
    assert claims(asked, passage(HARBOUR)) == [answer]


def test_an_answer_is_found_in_whichever_passage_holds_it() -> None:
    other = passage("Tickets for the ferry are sold on board only.", version_id=uuid.uuid4())
    assert claims("Where are tickets for the ferry sold?", passage(HARBOUR), other) == [other.text]


@pytest.mark.parametrize(
    "asked", ["Who composed the ninth symphony?", "What is the capital of Mongolia?", "?", "the of and"]
)
def test_what_the_passages_do_not_hold_is_not_found(asked: str) -> None:
    assert draft(asked, passage(HARBOUR)) == Draft("extractive", ())


def test_every_claim_is_an_exact_span_of_its_passage_with_a_score_above_the_threshold() -> None:
    text = "Before it there was a pier. The harbour has\n  42 berths for\tguests. After it came a wall."
    found = passage(text, start=1000)
    (claim,) = draft("How many berths for guests has the harbour?", found).claims
    (source,) = claim.sources
    assert claim.text == "The harbour has 42 berths for guests."
    assert claim.supported
    assert source.quote == "The harbour has\n  42 berths for\tguests."
    assert text[source.start - 1000 : source.end - 1000] == source.quote
    assert source.passage == found
    assert MIN_SCORE <= source.score <= 1


def test_a_sentence_that_overlapping_passages_share_is_given_once() -> None:
    shared = "The harbour has 42 berths for guests."
    first = passage(f"It is a fine day. {shared}", chunk_id=1)
    second = passage(f"{shared} Another day begins here.", chunk_id=2, start=len("It is a fine day. "))
    assert claims("How many berths for guests has the harbour?", first, second) == [shared]


def test_the_same_words_in_two_documents_are_given_once() -> None:
    twins = [passage(HARBOUR, version_id=uuid.uuid4(), chunk_id=number) for number in range(3)]
    assert claims("How many berths for guests has the harbour?", *twins) == ["The harbour has 42 berths for guests."]


def test_a_heading_is_never_an_answer() -> None:
    heading = "# How many berths for guests has the harbour?"
    assert claims("How many berths for guests has the harbour?", passage(heading)) == []
    with_text = passage(f"{heading}\n\nThe harbour has 42 berths for guests.")
    assert claims("How many berths for guests has the harbour?", with_text) == ["The harbour has 42 berths for guests."]


def test_no_more_sentences_are_given_than_anybody_wants_to_read() -> None:
    texts = [f"The harbour has {number} berths for guests." for number in range(10)]
    assert len(claims("How many berths for guests has the harbour?", passage(" ".join(texts)))) == MAX_CLAIMS


@pytest.mark.parametrize("passages", [(), (passage("# Only a heading"),), (passage("42 words."),)])
def test_without_a_sentence_no_model_is_asked(
    passages: tuple[Passage, ...], use_transport: Callable[[Any], None]
) -> None:
    asked = question("How many berths?")

    class NoTransport:
        def run(self, *_: Any) -> Any:
            raise AssertionError("a model was asked")

    use_transport(NoTransport())
    assert ExtractiveGenerator().generate(asked, passages, deadline=make.soon()).claims == ()


def test_a_deadline_that_has_passed_is_an_error_and_not_a_missing_answer() -> None:
    asked = question("How many berths for guests has the harbour?")
    with pytest.raises(DeadlineExceededError):
        ExtractiveGenerator().generate(asked, [passage(HARBOUR)], deadline=Deadline.after(-1))
