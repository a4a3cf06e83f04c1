"""What is in the margins of many pages, and what only looks like it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.pdf.furniture import Margins, Standing, furniture_of, page_number
from apps.documents.parsing.types import ParsedDocument
from tests.apps.documents.parsing.pdf.drawing import Draw, lines

Parse = Callable[..., ParsedDocument]
BOATS = ("The first boat is red.", "The second one is blue.", "Nobody knows the third.", "A fourth one sank.")


def page(number: int, *, head: str = "Rules of the harbour", foot: str = "Page {}", size: float = 11) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", size)
        canvas.drawString(60, 790, head)
        canvas.setFont("Helvetica", 11)
        lines(BOATS[(number - 1) % len(BOATS)], "All else is said elsewhere.", top=700 - 20 * number)(canvas)
        canvas.drawString(280, 40, foot.format(number))

    return draw


def said(document: ParsedDocument) -> list[str]:
    return [document.text[section.start : section.end] for section in document.sections]


def test_running_heads_stay_where_they_come_first_and_page_numbers_nowhere(parsed: Parse) -> None:
    document = parsed(*(page(number) for number in range(1, 5)))
    body = [f"{boat}\nAll else is said elsewhere." for boat in BOATS]
    assert said(document) == [f"Rules of the harbour\n{body[0]}", *body[1:]]
    assert [section.place.number for section in document.sections if section.place] == [1, 2, 3, 4]


def test_a_head_with_the_number_of_the_page_in_it_is_a_running_head(parsed: Parse) -> None:
    texts = said(parsed(*(page(number, head=f"Harbour report 2023 | {number + 6}") for number in range(1, 5))))
    assert texts[0].startswith("Harbour report 2023 | 7\n")
    assert not any("Harbour" in text for text in texts[1:])


def test_headings_that_differ_stay(parsed: Parse) -> None:
    heads = ["Berths", "Repairs", "Lesson 3", "Lesson 9"]
    texts = said(parsed(*(page(at, head=head) for at, head in enumerate(heads, start=1))))
    assert [text.splitlines()[0] for text in texts] == heads


def test_a_heading_that_is_larger_than_the_text_stays_on_each_page(parsed: Parse) -> None:
    texts = said(parsed(*(page(number, head="Prices", size=20) for number in range(1, 5))))
    assert all(text.startswith("Prices\n") for text in texts)


def test_what_is_on_few_pages_stays(parsed: Parse) -> None:
    heads = ["Berths"] * 2 + ["Repairs"] * 2 + [f"Chapter of boat {name}" for name in "ABCDEFGHIJ"]
    texts = said(parsed(*(page(at, head=head) for at, head in enumerate(heads, start=1))))
    assert [text.splitlines()[0] for text in texts] == heads


def test_numbers_that_do_not_count_the_pages_stay(parsed: Parse) -> None:
    document = parsed(*(page(at, foot=str(number)) for at, number in enumerate((1911, 7, 1946, 12), start=1)))
    assert [text.splitlines()[-1] for text in said(document)] == ["1911", "7", "1946", "12"]


def test_a_page_with_nothing_else_keeps_its_margins(parsed: Parse) -> None:
    def bare(canvas: Canvas) -> None:
        canvas.drawString(60, 790, "Rules of the harbour")
        canvas.drawString(280, 40, "Page 3")

    texts = said(parsed(page(1), page(2), bare, page(4)))
    assert texts[2] == "Rules of the harbour\nPage 3"


def test_the_same_words_elsewhere_on_the_page_stay(parsed: Parse) -> None:
    def moved(number: int) -> Draw:
        def draw(canvas: Canvas) -> None:
            lines("See the notes.", BOATS[number - 1], top=700 - 90 * number)(canvas)

        return draw

    assert all("See the notes." in text for text in said(parsed(*map(moved, range(1, 5)))))


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("17", 17),
        ("- 17 -", 17),
        ("Seite 3 von 9", 3),
        ("xiv", 14),
        ("ix", 9),
        ("17 boats", None),
        ("civil", None),
        ("", None),
    ],
)
def test_a_line_that_is_the_number_of_a_page_is_told(line: str, number: int | None) -> None:
    assert page_number(line) == number


def test_lines_of_which_nobody_knows_where_they_stand_stay() -> None:
    pages = [("Rules", f"Boat {number}", str(number)) for number in range(1, 9)]
    assert not any(furniture_of(pages, [Margins()] * 8))
    known = Margins({0: Standing(800, 11), 2: Standing(40, 11)}, 11)
    assert furniture_of(pages, [known] * 8) == [frozenset({2}), *[frozenset({0, 2})] * 7]
