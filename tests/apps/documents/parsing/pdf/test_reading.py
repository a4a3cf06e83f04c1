"""A kind of fault a test, each on a PDF that is drawn for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.types import ParsedDocument
from tests.apps.documents.parsing.pdf.drawing import Draw, lines

Read = Callable[..., str]


def test_a_filled_form_is_read_field_by_field_at_its_place(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        form = canvas.acroForm
        lines("Report of damage", "Cause of the damage:")(canvas)
        form.textfield(
            name="cause", tooltip="Cause of the damage", x=60, y=715, width=300, height=20, value="Burst hose"
        )
        canvas.drawString(60, 690, "Bay:")
        form.textfield(name="page1.bay[0]", x=100, y=685, width=60, height=18, value="seven")
        canvas.drawString(200, 690, "Harbour:")
        form.choice(
            name="port",
            tooltip="Harbour",
            x=260,
            y=685,
            width=90,
            height=18,
            options=[("North", "n"), ("South", "s")],
            value="s",
        )
        canvas.drawString(60, 660, "Insured:")
        form.checkbox(name="insured", x=120, y=655, checked=True)
        canvas.drawString(60, 630, "Severity:")
        form.radio(name="severity", tooltip="Severity", value="minor", x=120, y=625, selected=False)
        form.radio(name="severity", tooltip="Severity", value="major", x=200, y=625, selected=True)
        canvas.drawString(145, 630, "minor")
        canvas.drawString(225, 630, "major")
        canvas.drawString(60, 600, "Remarks:")
        form.textfield(name="remarks", x=120, y=595, width=90, height=18, value="")

    assert read(draw).splitlines() == [
        "Report of damage",
        "Cause of the damage:",
        "Burst hose",
        "Bay: seven Harbour: South",
        "Insured: ☑",
        "Severity: ☐ minor ☑ major",
        "Remarks:",
    ]


def test_comments_stand_below_their_page_and_links_behind_their_words(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        lines("See the tide tables for more.", "Write to berth@harbour.example now.", "The pier is closed.")(canvas)
        canvas.linkURL("https://tides.example/2024", (83, 756, 153, 770))
        canvas.linkURL("mailto:berth@harbour.example", (100, 742, 210, 756))
        canvas.linkURL("https://pier.example/", (55, 728, 540, 741))
        canvas.textAnnotation("Ask Anna.", Rect=[400, 700, 420, 720])
        quad = [60, 741, 160, 741, 60, 728, 160, 728]
        canvas.highlightAnnotation("Since when?", Rect=[60, 728, 160, 741], QuadPoints=quad, Color=[1, 1, 0])
        canvas.freeTextAnnotation("Closed in winter", "/Helv 10 Tf", Rect=[60, 690, 200, 710], relative=0)

    assert read(draw).splitlines() == [
        "See the tide tables (https://tides.example/2024) for more.",
        "Write to berth@harbour.example now.",
        "The pier is closed (https://pier.example/).",
        "Closed in winter",
        "",
        "Comment on “The pier is closed.”: Since when?",
        "",
        "Comment: Ask Anna.",
    ]


LEFT = [
    "The harbour office opens",
    "at seven and keeps a list",
    "of all berths. Every skip-",
    "per signs it before",
    "mooring.",
]
RIGHT = ["Diesel is sold on Mondays", "only. Pay at the kiosk", "next to the slipway."]
IN_COLUMNS = [
    "The harbour office opens", "at seven and keeps a list", "of all berths. Every skipper", "signs it before", "mooring.",
    "Diesel is sold on Mondays", "only. Pay at the kiosk", "next to the slipway.",
]  # fmt: skip


@pytest.mark.parametrize("shift", [0.0, 6.0])
def test_columns_that_are_drawn_line_by_line_are_read_one_after_the_other(read: Read, shift: float) -> None:
    def draw(canvas: Canvas) -> None:
        lines("Rules of the harbour for all who moor in it, be it for a night or a year")(canvas)
        for number, left in enumerate(LEFT):
            canvas.drawString(60, 730 - 14 * number, left)
            if number < len(RIGHT):
                canvas.drawString(260, 730 - shift - 14 * number, RIGHT[number])

    assert read(draw).splitlines()[1:] == IN_COLUMNS


def test_rows_of_a_table_stay_rows_under_their_heads(read: Read) -> None:
    table = lines(
        [(60, "Berth"), (180, "Length"), (300, "Price")],
        [(60, "A1"), (180, "9 m"), (300, "40 EUR")],
        [(60, "B1"), (300, "70 EUR")],
        [(60, "C|2"), (180, "12 m"), (300, "90 EUR")],
    )
    assert read(table).splitlines() == [
        "| Berth | Length | Price |",
        "| A1 | 9 m | 40 EUR |",
        "| B1 |  | 70 EUR |",
        "| C\\|2 | 12 m | 90 EUR |",
    ]


def test_heads_over_several_columns_and_years_to_the_left_of_their_numbers_are_the_head_of_their_table(
    read: Read,
) -> None:
    def draw(canvas: Canvas) -> None:
        lines([(260, "Year ended in June")])(canvas)
        for number, cells in enumerate([("", "2022", "2023"), ("Sales", "3,909", "14,694"), ("Costs", "(1)", "—")]):
            canvas.drawString(60, 740 - 14 * number, cells[0])
            for right, cell in zip((300, 400), cells[1:], strict=True):
                canvas.drawRightString(right - 30 * (number == 0), 740 - 14 * number, cell)

    assert read(draw).splitlines() == [
        "|  | Year ended in June / 2022 | Year ended in June / 2023 |",
        "| Sales | 3,909 | 14,694 |",
        "| Costs | (1) | — |",
    ]


def scripted(canvas: Canvas) -> None:
    text = canvas.beginText(60, 700)
    for size, rise, said in [
        (12, 0, "about 10"), (7, 5, "6"), (12, 0, " tonnes of CO"), (7, -3, "2"), (12, 0, ", Turnover"), (7, 5, "1"),
        (12, 0, " fell on the 3"), (7, 5, "rd"), (12, 0, "."),
    ]:  # fmt: skip
        text.setFont("Helvetica", size)
        text.setRise(rise)
        text.textOut(said)
    canvas.drawText(text)


def test_small_characters_that_are_raised_or_lowered_are_told_from_those_beside_them(read: Read) -> None:
    assert read(scripted) == "about 10⁶ tonnes of CO₂, Turnover¹ fell on the 3rd."


def test_hyphens_at_line_ends_go_and_those_of_a_compound_stay(read: Read) -> None:
    said = read(
        lines(
            "Every skip-",
            "per signs before moor-",
            "ing. The well-",
            "known pier of the Nord-",
            "Ostsee: Vor-",
            "und Nachteile",
        )
    )
    assert " ".join(said.split()) == (
        "Every skipper signs before mooring. The well-known pier of the Nord-Ostsee: Vor- und Nachteile"
    )


def page(number: int, *body: str) -> Draw:
    def draw(canvas: Canvas) -> None:
        lines("Rules of the harbour")(canvas)
        lines(*body, top=730)(canvas)
        canvas.drawString(280, 40, f"- {number} -")

    return draw


def test_a_sentence_goes_on_over_the_end_of_a_page_past_its_margins(parsed: Callable[..., ParsedDocument]) -> None:
    document = parsed(
        page(1, "Guests pay at noon.", "The warranty covers the hull for"),
        page(2, "eleven years after delivery.", "It ends with a sale that is signed in the har-"),
        page(3, "bour office."),
        page(4, "Diesel is sold on Mondays."),
    )
    said = [document.text[section.start : section.end] for section in document.sections]
    assert "The warranty covers the hull for\neleven years after delivery." in document.text
    assert "It ends with a sale that is signed in the harbour office." in document.text
    assert [section.goes_on for section in document.sections] == [True, True, False, False]
    assert said[0].startswith("Rules of the harbour\nGuests pay at noon.\nThe warranty")
    assert said[3] == "Diesel is sold on Mondays."


def test_what_stands_in_the_margins_of_two_pages_is_moved_out_of_a_sentence(
    parsed: Callable[..., ParsedDocument],
) -> None:
    document = parsed(
        page(1, "Guests pay at noon.", "The warranty covers the hull for"),
        page(2, "eleven years after delivery.", "It ends with a sale."),
    )
    assert "Guests pay at noon.\n\n- 1 -\n\nThe warranty covers the hull for\neleven years" in document.text
    assert document.text.endswith("It ends with a sale.\n- 2 -\n\nRules of the harbour")


def test_pages_that_end_and_begin_with_whole_sentences_stay_apart(parsed: Callable[..., ParsedDocument]) -> None:
    document = parsed(page(1, "Guests pay at noon."), page(2, "Prices", "a) by length"), page(3, "b) by weight"))
    assert not any(section.goes_on for section in document.sections)


def test_signs_of_symbol_fonts_are_read_as_what_they_look_like(read: Read) -> None:
    def draw(canvas: Canvas) -> None:
        for number, code in enumerate("34"):
            font = canvas._doc.getInternalFontName("ZapfDingbats")
            canvas._code.append(f"BT {font} 12 Tf 60 {760 - 20 * number} Td ({code}) Tj ET")
        canvas.setFont("Helvetica", 11)
        canvas.drawString(60, 700, "Tasks")

    assert read(draw).split() == ["✓", "✔", "Tasks"]
