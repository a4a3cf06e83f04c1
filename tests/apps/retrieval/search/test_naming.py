from __future__ import annotations

from uuid import UUID

import pytest

from apps.retrieval.index.lexical.reading import TermStatistics
from apps.retrieval.search.naming import Named, asked_words, names_compared

STATISTICS = TermStatistics(1_000, {"adob": 100, "2022": 500, "revenu": 900}, ("english",))
"""A name is rarer than a year, and a year than what everybody writes about."""


def compared(question: str, *names: str, statistics: TermStatistics = STATISTICS) -> dict[str, Named]:
    """By name, of those that have words of the question."""
    by_id = {UUID(int=number): name for number, name in enumerate(names)}
    found = names_compared(asked_words(question, statistics), by_id)
    return {by_id[pk]: named for pk, named in found.items()}


def words(question: str, name: str, **more: TermStatistics) -> tuple[str, ...]:
    found = compared(question, name, **more)
    return found[name].words if found else ()


@pytest.mark.parametrize(
    ("question", "name", "said"),
    [
        ("What did Adobe earn in 2022?", "ADOBE_2022_10K.pdf", ("adobe", "2022")),
        ("What did ADOBE's 10-K say?", "ADOBE_2022_10K.pdf", ("adobe", "10k")),
        ("the 10 K of 2022", "ADOBE_2022_10-K", ("10 k", "2022")),
        ("revenue in FY2022", "ADOBE_2022_10K.pdf", ("2022",)),
        ("revenue in FY 2022", "ADOBE_2022_10K.pdf", ("2022",)),
        ("revenue in FY22", "ADOBE_2022_10K.pdf", ("2022",)),
        ("revenue in FY98", "Annual report 1998", ("1998",)),
        ("revenue in 2022", "ADOBE_FY22.pdf", ("2022",)),
        ("Q4 of 2023", "FOOTLOCKER_2023Q4.pdf", ("q4", "2023")),
        ("2023Q4", "FOOTLOCKER_2023_Q4.pdf", ("2023", "q4")),
        ("Is Best Buy's margin stable?", "BESTBUY_2023_10Q.pdf", ("best buy",)),
        ("What does Foot Locker own?", "FOOTLOCKER_2022.pdf", ("foot locker",)),
        ("What does Footlocker own?", "Foot Locker 2022", ("footlocker",)),
        ("What does Bank of America lend?", "BANKOFAMERICA_2022.pdf", ("bank of america",)),
        ("What does AT&T owe?", "ATT_2022_10K.pdf", ("att",)),
        ("What did McDonald's sell?", "MCDONALDS_2022.pdf", ("mcdonald",)),
        ("Was verkauft L'Oréal?", "LOREAL_2022.pdf", ("l oreal",)),
        ("Where is Lodz?", "Łódź.docx", ("lodz",)),
        ("the policies on travel", "Travel policy", ("policies", "travel")),
        ("How does the US pay?", "US_GAAP.pdf", ("us",)),
        ("年度报告", "年度报告2022.pdf", ("年度", "度报", "报告")),
    ],
)  # fmt: skip
def test_a_name_has_a_word_in_whatever_way_either_side_writes_it(
    question: str, name: str, said: tuple[str, ...]
) -> None:
    assert words(question, name) == said


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is in it?", "What is in it.pdf"),
        ("How does this pay us?", "This.pdf"),
        ("vitamin C", "Section C"),
        ("a pdf", "Prices.pdf"),
        ("a locker for a foot", "FOOTLOCKER_2022.pdf"),
        ("What did Adobe earn?", "Report of the year"),
        ("", "Adobe"),
        ("Adobe", ""),
    ],
)
def test_stop_words_single_letters_file_extensions_and_words_apart_name_nothing(question: str, name: str) -> None:
    assert words(question, name) == ()


def test_in_a_question_with_capitals_only_what_has_one_or_a_digit_names_something() -> None:
    assert words("What drag do wings of Boeing have at 747 knots?", "Drag of wings, Boeing 747") == ("boeing", "747")
    assert words("what drag do wings of boeing have?", "Drag of wings, Boeing 747") == ("drag", "wings", "boeing")


@pytest.mark.parametrize("question", ["Aspirin thins blood in 2022.", "It is so. Aspirin thins blood in 2022."])
def test_the_first_word_of_a_sentence_names_a_document_of_a_short_name_only(question: str) -> None:
    assert words(question, "Aspirin 2022.pdf") == ("aspirin", "2022")
    sentence = "Aspirin and the blood of old rats that were fed twice in 2022"
    assert words(question, sentence) == ("2022",)
    assert words("Does Aspirin thin blood?", sentence) == ("aspirin",)


def test_a_question_in_capitals_has_stop_words_all_the_same() -> None:
    assert words("WHAT IS IT THAT WE SELL", "IT_2022.pdf") == ()
    assert words("Who runs IT?", "IT_2022.pdf") == ("it",)


def test_the_share_is_of_the_most_that_any_name_has_and_rare_words_weigh_more() -> None:
    found = compared("Adobe's revenue in 2022", "ADOBE_2022.pdf", "ADOBE_2021.pdf", "NIKE_2022.pdf", "NIKE_2021.pdf")
    assert set(found) == {"ADOBE_2022.pdf", "ADOBE_2021.pdf", "NIKE_2022.pdf"}
    assert found["ADOBE_2022.pdf"].share == 1
    rare, common = STATISTICS.idf("adob"), STATISTICS.idf("2022")
    assert found["ADOBE_2021.pdf"].share == pytest.approx(rare / (rare + common))
    assert found["NIKE_2022.pdf"].share == pytest.approx(common / (rare + common))


def test_a_word_that_stands_twice_counts_once() -> None:
    twice = compared("2022 or 2022, of Adobe", "Adobe 2022 2022", "Adobe 2022")
    assert twice["Adobe 2022 2022"] == twice["Adobe 2022"] == Named(1.0, ("2022", "adobe"))


def test_words_that_no_text_has_weigh_as_much_as_the_rarest_that_is_named() -> None:
    found = compared("Adobe in FY22", "ADOBE_2021.pdf", "NIKE_FY22.pdf", statistics=TermStatistics(
        1_000, {"adob": 100}, ("english",)
    ))  # fmt: skip
    assert found["NIKE_FY22.pdf"].share == found["ADOBE_2021.pdf"].share == 1
    assert compared("Adobe", "Adobe", statistics=TermStatistics())["Adobe"].share == 1


def test_joined_words_are_as_rare_as_the_rarest_of_them() -> None:
    statistics = TermStatistics(1_000, {"foot": 400, "locker": 50, "2022": 500}, ("english",))
    found = compared("Foot Locker in 2022", "FOOTLOCKER_2021", "NIKE_2022", statistics=statistics)
    expected = statistics.idf("2022") / statistics.idf("locker")
    assert (found["FOOTLOCKER_2021"].share, found["NIKE_2022"].share) == (1, pytest.approx(expected))


def test_words_are_stemmed_by_the_language_of_the_question() -> None:
    german = TermStatistics(100, {}, ("german", "english"))
    assert words("Was kosten die Häfen und der Verkauf?", "Hafen und Verkäufe.pdf", statistics=german) == (
        "hafen", "verkauf",
    )  # fmt: skip


def test_names_that_nobody_has_asked_for_give_nothing() -> None:
    assert compared("tide tables", "ADOBE_2022.pdf", "NIKE_2022.pdf") == {}
    assert names_compared(asked_words("Adobe", STATISTICS), {}) == {}
