"""The plain rule for questions that lean on the ones before them."""

from __future__ import annotations

import pytest

from apps.retrieval.answers.follow_ups import PastTurn, question_completed
from apps.retrieval.answers.turns import title_of

OPEN, BERTHS = "When does the harbour office open?", "How many berths for guests has the harbour?"
OF_OPEN, OF_BERTHS = "(harbour office open)", "(berths guests harbour)"


@pytest.mark.parametrize(
    ("before", "question", "searched_for"),
    [
        (OPEN, "And on Sundays?", f"{OPEN} And on Sundays?"),
        (OPEN, "What about public holidays?", f"{OPEN} What about public holidays?"),
        (OPEN, "Or in the winter months of next year?", f"{OPEN} Or in the winter months of next year?"),
        (BERTHS, "For two nights?", f"{BERTHS} For two nights?"),
        (BERTHS, "The price for children?", f"{BERTHS} The price for children?"),
        (BERTHS, "How much does it cost?", f"How much does it cost? {OF_BERTHS}"),
        (BERTHS, "Which of them have electricity?", f"Which of them have electricity? {OF_BERTHS}"),
        (BERTHS, "Is that included?", f"Is that included? {OF_BERTHS}"),
        (BERTHS, "Can I park there?", f"Can I park there? {OF_BERTHS}"),
        (BERTHS, "What is the fee?", f"What is the fee? {OF_BERTHS}"),
        (BERTHS, "And who pays?", f"And who pays? {OF_BERTHS}"),
        (BERTHS, "What does the office charge for it?", f"What does the office charge for it? {OF_BERTHS}"),
        (OPEN, "Does it close at noon?", f"Does it close at noon? {OF_OPEN}"),
        (OPEN, "Does the office charge for it?", "Does the office charge for it? (harbour open)"),
        (OPEN, "Why?", f"Why? {OF_OPEN}"),
        (OPEN, "Tell me more.", f"Tell me more. {OF_OPEN}"),
        (OPEN, "When it rains, is it closed?", f"When it rains, is it closed? {OF_OPEN}"),
        ("Wann öffnet das Hafenbüro?", "Und am Sonntag?", "Wann öffnet das Hafenbüro? Und am Sonntag?"),
        ("Was kostet ein Liegeplatz?", "Ist darin Strom enthalten?", "Ist darin Strom enthalten? (kostet Liegeplatz)"),
        ("Quand ouvre le bureau du port ?", "Et le dimanche ?", "Quand ouvre le bureau du port ? Et le dimanche ?"),
        ("¿Cuándo abre la oficina?", "¿Y los domingos?", "¿Cuándo abre la oficina? ¿Y los domingos?"),
        ("Quando apre l'ufficio?", "E la domenica?", "Quando apre l'ufficio? E la domenica?"),
        ("Wat kost een ligplaats?", "En in de winter?", "Wat kost een ligplaats? En in de winter?"),
        ("Когда открывается контора?", "А в воскресенье?", "А в воскресенье? (открывается контора)"),
        ("港口办公室几点开门？", "那星期天呢？", "港口办公室几点开门？ 那星期天呢？"),
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_question_that_leans_on_the_one_before_is_searched_for_with_it(
    before: str, question: str, searched_for: str
) -> None:
    assert question_completed(question, [PastTurn(before)]) == searched_for


@pytest.mark.parametrize(
    "question",
    [
        "Is electricity included?",
        "Who is the harbour master?",
        "Where is Kiel?",
        "What is a bollard?",
        "What does AUD mean?",
        "How long may boats stay?",
        "And when does the harbour office close in winter?",
        "Do guests pay when they leave early?",
        "If the guest has a dog, may it run freely?",
        "Wer leitet das Hafenbüro?",
        "港口办公室的电话号码是多少？",
    ],
)
def test_a_question_that_stands_by_itself_stays_as_it_is(question: str) -> None:
    assert question_completed(question, [PastTurn(OPEN)]) == question


def test_the_first_question_has_nothing_to_lean_on() -> None:
    assert question_completed("And on Sundays?", []) == "And on Sundays?"


def test_a_row_of_ellipses_takes_the_form_of_the_last_whole_question() -> None:
    history = [PastTurn(OPEN), PastTurn("And on Sundays?", f"{OPEN} And on Sundays?")]
    assert question_completed("And on Saturdays?", history) == f"{OPEN} And on Saturdays?"


def test_what_a_reference_was_understood_as_is_what_the_next_ellipsis_repeats() -> None:
    price = f"How much does it cost? {OF_BERTHS}"
    history = [PastTurn(BERTHS), PastTurn("How much does it cost?", price)]
    assert question_completed("And in winter?", history) == f"{price} And in winter?"


def test_where_the_question_before_says_little_the_heading_of_what_was_cited_helps() -> None:
    history = [PastTurn("What is the price?", about="Berths for guests")]
    assert question_completed("Is it seasonal?", history) == "Is it seasonal? (price Berths guests)"


def test_of_many_words_the_names_and_numbers_are_kept() -> None:
    long = "Which alpha beta gamma delta epsilon zeta eta theta iota kappa lambda does Lund have in 2024?"
    completed = question_completed("Why is it so?", [PastTurn(long)])
    assert "Lund" in completed
    assert "2024" in completed
    assert len(completed.split()) == 4 + 10


def test_a_very_long_question_is_not_said_again_as_a_whole() -> None:
    long = "When does the harbour office open, " + "considering all that I have told you so far, " * 10
    assert len(question_completed("And on Sundays?", [PastTurn(long)])) < 120


def test_a_title_is_one_line_cut_between_words() -> None:
    assert title_of(" When does\nit open? ") == "When does it open?"
    title = title_of("word " * 100)
    assert (len(title) <= 200, title[-5:]) == (True, "word…")
