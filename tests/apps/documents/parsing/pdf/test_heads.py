"""Tables of figures without lines, drawn as programs for annual reports draw them: each cell for itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.pdf.figures import is_figure
from tests.apps.documents.parsing.pdf.drawing import Draw, centred, figures, lines, together

Read = Callable[..., str]
RIGHTS = (330, 430, 530)


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def statement(*above: Draw) -> Draw:
    rows = [
        ("Berths", "3,909", "4,109", "14,694"),
        ("Repairs", "(1)", "—", "52"),
        ("Total", "3,908", "4,109", "14,746"),
    ]
    return together(*above, figures(*rows, rights=RIGHTS, top=640))


TITLES = centred((297, 740, "HARBOUR INC."), (297, 726, "Income of the harbour"))
YEARS = centred((310, 668, "June 30,\n2023"), (410, 668, "June 30,\n2022"), (510, 668, "June 30,\n2021"))


def test_a_head_that_is_drawn_cell_by_cell_is_one_row_above_the_figures(read: Read) -> None:
    text = read(
        statement(
            centred((297, 740, "HARBOUR INC."), (297, 726, "Income of the harbour")),
            centred((410, 690, "Years ended")),
            YEARS,
        )
    )
    assert text.splitlines() == [
        "HARBOUR INC.",
        "Income of the harbour",
        "",
        "|  | Years ended / June 30, 2023 | Years ended / June 30, 2022 | Years ended / June 30, 2021 |",
        "| Berths | 3,909 | 4,109 | 14,694 |",
        "| Repairs | (1) | — | 52 |",
        "| Total | 3,908 | 4,109 | 14,746 |",
    ]


def test_units_above_the_head_stand_in_it(read: Read) -> None:
    text = read(statement(centred((297, 740, "Income"), (297, 712, "(In millions, except per berth)")), YEARS))
    assert text.splitlines()[:3] == [
        "Income",
        "",
        "| (In millions, except per berth) | June 30, 2023 | June 30, 2022 | June 30, 2021 |",
    ]


def test_units_at_the_end_of_a_sentence_stand_in_the_head_too(read: Read) -> None:
    text = read(statement(lines("The harbour took in the following ($ in thousands):", top=700), YEARS))
    assert "took in the following ($ in thousands):" in text
    assert rows_of(text)[0].startswith("| ($ in thousands) | June 30, 2023 |")


def test_units_between_the_head_and_the_figures_are_no_name_of_a_column(read: Read) -> None:
    text = read(statement(YEARS, centred((410, 651, "(in thousands)"))))
    assert rows_of(text)[0] == "| (in thousands) | June 30, 2023 | June 30, 2022 | June 30, 2021 |"


def test_names_over_some_of_the_columns_are_names_of_these(read: Read) -> None:
    rights = (250, 320, 430, 500)
    heads = centred(
        (275, 690, "Three months"),
        (455, 690, "Six months"),
        *((240, 670, "2023"), (310, 670, "2022"), (420, 670, "2023"), (490, 670, "2022")),
    )
    table = together(
        heads, figures(("Berths", "10", "11", "20", "22"), ("Repairs", "1", "1", "2", "2"), rights=rights, top=650)
    )
    assert (
        rows_of(read(table))[0]
        == "|  | Three months / 2023 | Three months / 2022 | Six months / 2023 | Six months / 2022 |"
    )


def test_a_label_below_the_head_is_a_row_of_the_table(read: Read) -> None:
    text = read(together(statement(YEARS, lines("Revenue:", top=652))))
    assert rows_of(text)[:2] == ["|  | June 30, 2023 | June 30, 2022 | June 30, 2021 |", "| Revenue: |  |  |  |"]


def test_a_sentence_above_a_table_is_none_of_its_names(read: Read) -> None:
    said = "The harbour took in more than in the year before, as more boats came by than ever."
    text = read(statement(lines(said, top=695), YEARS))
    assert text.splitlines()[0] == said
    assert "said" not in rows_of(text)[0]
    assert rows_of(text)[0] == "|  | June 30, 2023 | June 30, 2022 | June 30, 2021 |"


def test_a_label_of_two_lines_is_one(read: Read) -> None:
    rows = [
        ("Berths for boats and", ""),
        ("other vessels", "9", "8", "7"),
        ("Repairs of life-", ""),
        ("boats", "1", "2", "3"),
    ]
    text = read(together(YEARS, figures(*rows, rights=RIGHTS, top=640)))
    assert rows_of(text)[1:] == [
        "| Berths for boats and other vessels | 9 | 8 | 7 |",
        "| Repairs of life-boats | 1 | 2 | 3 |",
    ]


def test_a_label_of_two_lines_around_its_figures_is_one(read: Read) -> None:
    rows = together(
        YEARS,
        figures(("Berths", "1", "2", "3"), rights=RIGHTS, top=640),
        lines("Growth without", "Repairs %", top=628, leading=8),
        figures(("", "9", "8", "7"), rights=RIGHTS, top=624),
        figures(("Total", "4", "5", "6"), rights=RIGHTS, top=608),
    )
    assert "| Growth without Repairs % | 9 | 8 | 7 |" in rows_of(read(rows))


def test_labels_without_figures_do_not_end_a_table(read: Read) -> None:
    labels = [(f"Class {number}:", "") for number in "ABCDEF"]
    text = read(
        together(YEARS, figures(("Berths", "1", "2", "3"), *labels, ("Total", "4", "5", "6"), rights=RIGHTS, top=640))
    )
    assert len(text.split("\n\n")) == 1
    assert rows_of(text)[-1] == "| Total | 4 | 5 | 6 |"


def test_two_tables_below_each_other_have_their_own_heads(read: Read) -> None:
    second = [("", "Summer", "Winter"), ("Boats", "70", "12"), ("Crew", "9", "3")]
    title = "Boats that were in the harbour by the season"
    table = together(
        figures(("", "2023", "2022"), ("Berths", "10", "11"), ("Repairs", "1", "1"), rights=RIGHTS, top=700),
        lines(title, top=658),
        figures(*second, rights=RIGHTS, top=644),
    )
    assert read(table).split("\n\n") == [
        "|  | 2023 | 2022 |\n| Berths | 10 | 11 |\n| Repairs | 1 | 1 |",
        title,
        "|  | Summer | Winter |\n| Boats | 70 | 12 |\n| Crew | 9 | 3 |",
    ]


def test_a_currency_sign_goes_with_the_number_to_its_right(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        figures(("Berths", "10", "11", "12"), rights=RIGHTS, top=640)(canvas)
        canvas.drawString(60, 626, "Total")
        canvas.drawString(270, 626, "$")
        text = canvas.beginText(318, 626)
        text.setWordSpace(4)
        text.textOut("10 $")
        canvas.drawText(text)
        canvas.drawString(418, 626, "11")
        canvas.drawString(470, 626, "$")
        canvas.drawRightString(530, 626, "12")

    assert rows_of(read(draw))[-1] == "| Total | $ 10 | $ 11 | $ 12 |"


def test_a_column_that_is_empty_at_first_is_kept(read: Read) -> None:
    rows = [*((f"Berth {number}", "1", "2") for number in range(70)), ("Last berth", "3", "4", "5")]
    text = read(together(YEARS, figures(*rows, rights=RIGHTS, top=640, leading=8.5)))
    assert rows_of(text)[-1] == "| Last berth | 3 | 4 | 5 |"


def test_prose_beside_prose_with_years_in_it_is_no_table_of_figures(read: Read) -> None:
    left = [
        "The harbour was built in",
        "1911 and was closed from",
        "1940 on, when all of its",
        "boats had to leave it.",
    ]
    right = ["It opened again in the year", "1946 for boats of fishers", "only. Since 1971 others", "may come in, too."]
    rows = [[(60.0, one), (300.0, other)] for one, other in zip(left, right, strict=True)]
    assert read(lines(*rows)).splitlines() == [*left, *right]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234", True), ("$ (7)", True), ("— %", True), ("16 %", True), ("12.4x", True), ("80 bps", True), ("n/a", True),
        ("$ — (1)", True), ("2023", False), ("2022-2021", False), ("31.12.2023", False), ("2017 (6)", False),
        ("(Level 1)", False), ("% Change", False), ("$", False), ("9 boats", False), ("", False), ("1" * 50, False),
    ],
)  # fmt: skip
def test_figures_are_told_from_names(text: str, expected: bool) -> None:
    assert is_figure(text) is expected
