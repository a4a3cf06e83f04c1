"""Rows of a report's statements: a row is told by its name, all else by what stands around the table."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from apps.retrieval.answers.extractive.asked import asking_clause, years_whole
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.types import Statement
from apps.retrieval.search.passages import Passage
from tests import factories as make
from tests.apps.retrieval.making import material, passage

INCOME = """| (in thousands, except per share data) | Year ended December 31, / 2015 | Year ended December 31, / 2014 |
| Revenues | $ 6,779 | $ 5,504 |
| Cost of revenues | 4,591 | 3,752 |
| Marketing | 824 | 607 |
| Operating income | 305 | 402 |
| Net income | $ 122 | $ 266 |
| Earnings per share: |  |  |
| Basic | $ 0.29 | $ 0.63 |
| Diluted | $ 0.28 | $ 0.62 |
| Shares used to compute earnings per share: |  |  |
| Diluted | 436 | 431 |
"""
UNIT = "(in thousands, except per share data)"


def report(name: str, text: str, **fields: Any) -> Passage:
    """A passage of a report of that name, under the head of its page."""
    fields = {"heading_path": ("CONSOLIDATED STATEMENTS OF OPERATIONS",), "version_id": uuid.uuid4()} | fields
    return passage(text, document_title=name, document_id=uuid.uuid5(uuid.NAMESPACE_DNS, name), **fields)


OTTER = report("OTTER_2015_10K.pdf", INCOME)


def answers(question: str, *passages: Passage) -> list[str]:
    pieces = ExtractiveGenerator().generate(material(question, *passages), deadline=make.soon())
    return [piece.text for piece in pieces if isinstance(piece, Statement)]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            "What was Otter's operating income in 2015?",
            f"Operating income {UNIT} · Year ended December 31, / 2015: 305",
        ),
        ("What were Otter's revenues in FY2014?", f"Revenues {UNIT} · Year ended December 31, / 2014: $ 5,504"),
        ("What were Otter's revenues in FY 14?", f"Revenues {UNIT} · Year ended December 31, / 2014: $ 5,504"),
        ("How much did Otter spend on marketing in 2015?", f"Marketing {UNIT} · Year ended December 31, / 2015: 824"),
        (
            "By what the statement of operations says, what is Otter's FY2015 net income attributable to shareholders "
            "(in USD thousands)?",
            f"Net income {UNIT} · Year ended December 31, / 2015: $ 122",
        ),
        (
            "What were the diluted earnings per share of Otter in 2015?",
            f"Earnings per share: Diluted {UNIT} · Year ended December 31, / 2015: $ 0.28",
        ),
        (
            "What were Otter's costs of revenues in 2014 and 2015?",
            f"Cost of revenues {UNIT} · Year ended December 31, / 2015: 4,591 · Year ended December 31, / 2014: 3,752",
        ),
    ],
)
def test_a_cell_is_answered_by_the_names_of_its_row_and_its_column(question: str, answer: str) -> None:
    assert answers(question, OTTER) == [answer]


@pytest.mark.parametrize(
    "question",
    [
        "What was Badger's operating income in 2015?",
        "What was Otter's operating income in 2011?",
        "What were Otter's pension obligations in 2015?",
        "How many employees does Otter have in 2015?",
        "What were Otter's revenues from Narnia in 2015?",
    ],
)
def test_what_no_row_is_called_is_not_found(question: str) -> None:
    assert answers(question, OTTER) == []


def test_the_row_of_the_document_that_is_named_is_taken_before_a_better_passage_of_another() -> None:
    badger = report("BADGER_2015_10K.pdf", INCOME.replace("305", "999"))
    assert answers("What was Otter's operating income in 2015?", badger, OTTER) == [
        f"Operating income {UNIT} · Year ended December 31, / 2015: 305"
    ]


def test_a_row_is_found_in_a_passage_that_is_far_down() -> None:
    talk = [report("OTTER_2015_10K.pdf", f"Otter had a good year {number} on the river.") for number in range(8)]
    assert answers("What was Otter's operating income in 2015?", *talk, OTTER)[0].startswith("Operating income")


def test_a_table_of_the_year_that_is_asked_for_is_taken_before_one_that_only_its_document_is_called_after() -> None:
    quarters = report("OTTER_2015_10K.pdf", "| | March 31 | June 30 |\n| Operating income | 70 | 80 |\n")
    assert answers("What was Otter's operating income in 2015?", quarters, OTTER)[0].endswith("2015: 305")
    assert answers("What was Otter's operating income in 2015?", quarters) == [
        "Operating income · March 31: 70 · June 30: 80"
    ]


def test_rows_of_the_same_name_are_told_apart_by_the_row_above_them() -> None:
    years = "| | Media | Total |\n| Fiscal 2015 | | |\n| Revenue | 5 | 9 |\n| Fiscal 2014 | | |\n| Revenue | 4 | 8 |\n"
    assert answers("What was Otter's total revenue in 2014?", report("OTTER_2015_10K.pdf", years)) == [
        "Fiscal 2014: Revenue · Total: 8"
    ]


def test_the_line_above_a_table_says_what_it_is_of() -> None:
    table = "\n\n| | 2015 |\n| Operating income | {} |\n"
    home = report("OTTER.pdf", "Figures of the Domestic segment were:" + table.format(3), heading_path=())
    abroad = report("OTTER.pdf", "Figures of the International segment were:" + table.format(4), heading_path=())
    asked = "What was the operating income of the international segment in 2015?"
    assert answers(asked, home, abroad) == ["Operating income · 2015: 4"]


def test_a_sentence_that_has_more_of_a_question_is_taken_before_a_row_unless_a_number_is_asked_for() -> None:
    why = "Otter's operating income dropped in 2015 because storms closed the river."
    said = report("OTTER_2015_10K.pdf", why)
    assert answers("Why did Otter's operating income drop in 2015?", said, OTTER)[0] == why
    assert answers("How much operating income did Otter have in 2015?", said, OTTER)[0].startswith("Operating income")


def test_a_row_of_a_name_says_nothing_that_its_columns_do_not() -> None:
    sites = passage("| Site | Protocol |\n| Toronto | IKEv2 |\n")
    assert answers("Which protocol does Toronto use?", sites) == ["Toronto · Protocol: IKEv2"]
    assert answers("What is the population of Toronto?", sites) == []


GERMAN = """Die Zahlen der Gesellschaft und ihrer Töchter für das Jahr stehen in der folgenden Tabelle:

| (in Tausend Euro) | 2015 | 2014 |
| Umsatz | 6.779 | 5.504 |
| Umsatzkosten | 4.591 | 3.752 |
| Ergebnis je Aktie: | | |
| verwässert | 0,28 | 0,62 |
"""
CHINESE = "| 项目 | 2015年 | 2014年 |\n| 营业收入 | 6779 | 5504 |\n| 净利润 | 122 | 266 |"


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        (GERMAN, "Wie hoch war der Umsatz von Otter im Jahr 2015?", ["Umsatz (in Tausend Euro) · 2015: 6.779"]),
        (
            GERMAN,
            "Wie hoch war das verwässerte Ergebnis je Aktie 2014?",
            ["Ergebnis je Aktie: verwässert (in Tausend Euro) · 2014: 0,62"],
        ),
        (GERMAN, "Wie viele Mitarbeiter hat Otter 2015?", []),
        (GERMAN, "Wie hoch war die Dividende 2015?", []),
        (CHINESE, "2015年的营业收入是多少?", ["营业收入 · 2015年: 6779"]),
        (CHINESE, "2014年净利润是多少?", ["净利润 · 2014年: 266"]),
        (CHINESE, "2015年员工人数是多少?", []),
    ],
)
def test_cells_are_found_in_other_languages(text: str, question: str, answer: list[str]) -> None:
    assert answers(question, report("Otter_2015.pdf", text, heading_path=())) == answer


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("FY2022 and FY 22", "2022 and 2022"),
        ("fy'98", "1998"),
        ("FY2022Q1", "FY2022Q1"),
        ("Fyn 22", "Fyn 22"),
    ],
)
def test_a_fiscal_year_is_a_year(text: str, whole: str) -> None:
    assert years_whole(text) == whole


@pytest.mark.parametrize(
    ("question", "clause"),
    [
        ("By the balance sheet, what is the debt of 2015? Round it.", "what is the debt of 2015"),
        ("How many berths has the harbour?", " berths has the harbour"),
        ("Wie hoch war der Umsatz, in Euro?", "Wie hoch war der Umsatz"),
        ("Sales in 2024", "Sales in 2024"),
    ],
)
def test_a_question_is_the_clause_with_the_word_that_asks(question: str, clause: str) -> None:
    assert asking_clause(question) == clause


STORES = """| (in thousands) | 52 weeks ended / January 28, 2023 |
| Store update |  |
| Fiscal 2022 | Stores open at the end of the quarter |
| 4th quarter | 1,355 |
"""


def test_a_row_without_a_number_is_no_answer_where_one_is_asked_for() -> None:
    stores = report("OTTER_2023Q4.pdf", STORES)
    assert not any(
        "Fiscal 2022" in one for one in answers("How many stores did Otter have open in fiscal 2022?", stores)
    )


def test_a_number_may_be_a_word() -> None:
    harbour = report("OTTER_HARBOUR.pdf", "| Place | How many |\n| Berths | twelve |\n| Cranes | two or three |\n")
    assert answers("How many berths does Otter have?", harbour) == ["Berths · How many: twelve"]
