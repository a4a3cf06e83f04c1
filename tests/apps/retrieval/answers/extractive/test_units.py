from __future__ import annotations

import pytest

from apps.retrieval.answers.extractive.units import MOST_PASSAGES, Unit, UnitKind, units_of
from apps.retrieval.answers.extractive.wording import worded
from apps.retrieval.answers.tables import TableHead, TableLine
from apps.retrieval.index.lexical.analysis import terms_of_question
from apps.retrieval.search.passages import Passage
from tests.apps.retrieval.making import passage

TABLE = "| Site | Protocol | Gateway |\n| Toronto | IKEv2 | 10.8.0.1 |\n| Lisbon | OpenVPN | |\n"


def units(*passages: Passage) -> list[Unit]:
    return units_of(passages)


def texts(text: str, **fields: object) -> list[str]:
    return [unit.text for unit in units(passage(text, **fields))]


def read(unit: Unit, question: str) -> str:
    return worded(unit, terms=terms_of_question(question), language="english")


def test_a_table_is_its_rows_each_with_the_names_of_the_columns() -> None:
    found = units(passage(f"Our sites are these.\n\n{TABLE}\nEach has a gateway of its own."))
    assert [(unit.kind, unit.text) for unit in found] == [
        (UnitKind.SENTENCE, "Our sites are these."),
        (UnitKind.ROW, "| Toronto | IKEv2 | 10.8.0.1 |"),
        (UnitKind.ROW, "| Lisbon | OpenVPN | |"),
        (UnitKind.SENTENCE, "Each has a gateway of its own."),
    ]
    assert {unit.head for unit in found if unit.kind is UnitKind.ROW} == {("Site", "Protocol", "Gateway")}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which protocol does Toronto use?", "Toronto · Protocol: IKEv2"),
        ("What is known of Toronto?", "Toronto · Protocol: IKEv2 · Gateway: 10.8.0.1"),
    ],
)
def test_a_row_reads_as_words_and_says_what_was_asked_for(question: str, answer: str) -> None:
    assert read(units(passage(TABLE))[0], question) == answer


def test_empty_cells_are_not_told() -> None:
    assert read(units(passage(TABLE))[1], "What is known of Lisbon?") == "Lisbon · Protocol: OpenVPN"


def test_a_row_with_other_columns_than_its_table_is_told_without_their_names() -> None:
    found = units(passage(TABLE + "| All sites | closed |\n"))[-1]
    assert read(found, "Which protocol do all sites have?") == "All sites · closed"


def test_a_bar_within_a_cell_is_part_of_its_words() -> None:
    found = units(passage("| Code | Meaning |\n| a\\|b | a choice |\n"))[-1]
    assert read(found, "What is the meaning of a|b?") == "a|b · Meaning: a choice"


def test_a_passage_that_begins_within_a_table_has_no_row_less() -> None:
    cut = passage("| Osaka | WireGuard |\n| Lisbon | OpenVPN |", start=500)
    head = TableHead(TableLine(100, "| Site | Protocol |"))
    (first, second) = units_of([cut], {cut.chunk_id: head})
    assert (read(first, "Osaka protocol?"), second.head) == ("Osaka · Protocol: WireGuard", ("Site", "Protocol"))


def test_a_heading_does_not_stick_to_the_sentence_after_it() -> None:
    assert texts("3.2 Refund rules\nRefunds are paid within 14 days.") == ["Refunds are paid within 14 days."]
    assert texts(
        "Rules for refunds of tickets\n\nPaid in 14 days.", heading_path=("Rules for refunds of tickets",)
    ) == ["Paid in 14 days."]


def test_short_lines_without_full_stops_are_told_one_by_one() -> None:
    assert texts("Berth Length Price\nA1 9 m 40 EUR\nA2 12 m 55 EUR") == [
        "Berth Length Price",
        "A1 9 m 40 EUR",
        "A2 12 m 55 EUR",
    ]


def test_the_end_of_a_sentence_that_begins_before_the_passage_is_left_out() -> None:
    cut = "and is closed on the days after that. The office opens at nine in the morning."
    assert texts(cut, start=80) == ["The office opens at nine in the morning."]
    assert len(texts(cut)) == 2


def test_the_mark_of_a_list_is_not_told() -> None:
    (unit,) = units(passage("- The harbour has 42 berths for guests."))
    assert read(unit, "berths") == "The harbour has 42 berths for guests."
    assert unit.passage.text[unit.start : unit.end].startswith("- ")


def test_a_unit_that_passages_share_counts_once() -> None:
    first, second = passage("One day the pier was built."), passage("One day the pier was built.", chunk_id=2)
    assert len(units(first, second)) == 1


EARNINGS = """| (in thousands, except per share data) | Year ended December 31, / 2015 | Year ended December 31, / 2014 |
| Operating income | 305,826 | 402,648 |
| Earnings per share: |  |  |
| Basic | $ 0.29 | $ 0.63 |
"""


def test_a_row_that_only_says_what_the_rows_below_have_in_common_is_no_unit_but_theirs() -> None:
    income, basic = units(passage(f"Statements of operations\n\n{EARNINGS}", start=50))
    assert income.table is not None
    assert basic.table is not None
    assert (income.table.group, income.table.above) == (None, "Statements of operations")
    assert basic.table.group is not None
    assert basic.table.group.cells == ("Earnings per share:", "", "")
    assert basic.table.group.start == 50 + basic.passage.text.index("| Earnings")


@pytest.mark.parametrize("row", ["| Closed on Sundays and holidays. |  |", "|  | 12 |"])
def test_a_row_with_one_cell_that_says_more_than_a_name_is_a_unit(row: str) -> None:
    assert [one.text for one in units(passage(f"| Day | Hours |\n{row}\n"))] == [row]


def test_what_figures_are_in_and_have_in_common_is_told_with_a_row() -> None:
    income, basic = units(passage(EARNINGS))
    assert read(income, "What was the operating income of 2015?") == (
        "Operating income (in thousands, except per share data) · Year ended December 31, / 2015: 305,826"
    )
    assert read(basic, "What were the earnings per share in 2014?").startswith(
        "Earnings per share: Basic (in thousands"
    )
    assert read(basic, "How many basic ones were there?").startswith("Basic (in thousands")


def test_of_passages_that_are_further_down_the_rows_alone_are_looked_at() -> None:
    first = [passage(f"The sentence with number {number} stands here.") for number in range(MOST_PASSAGES)]
    last = passage(f"Here is one sentence more.\n\n{TABLE}")
    assert {one.kind for one in units(*first, last) if one.passage is last} == {UnitKind.ROW}
