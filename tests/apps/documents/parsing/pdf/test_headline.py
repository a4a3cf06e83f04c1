from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.types import DocumentType, ParsedDocument
from tests.apps.documents.parsing.pdf.drawing import Draw, lines, together

PROSE = lines(*["The moorings were looked over in spring, and all of them hold."] * 20, top=500)
Parsed = Callable[..., ParsedDocument]


def sized(*rows: tuple[float, str], top: float = 760) -> Draw:
    """Draws lines in letters of these sizes."""

    def draw(canvas: Canvas) -> None:
        y = top
        for size, text in rows:
            y -= size * 1.3
            canvas.setFont("Helvetica", size)
            canvas.drawString(60, y, text)
        canvas.setFont("Helvetica", 11)

    return draw


def test_the_largest_lines_of_the_first_page_are_its_headline(parsed: Parsed) -> None:
    page = together(
        sized((10, "Port authority"), (24, "Harbour report"), (23, "on moorings"), (14, "by Ann Lee")), PROSE
    )
    assert parsed(page, PROSE).headline == "Harbour report on moorings"


def test_a_larger_number_beside_it_is_part_of_it_and_never_all_of_it(parsed: Parsed) -> None:
    page = together(sized((24, "Harbour report"), (60, "2022"), (14, "by Ann Lee")), PROSE)
    assert parsed(page).headline == "Harbour report 2022"
    assert (
        parsed(
            together(
                sized(
                    (60, "2022"),
                ),
                PROSE,
            )
        ).headline
        == ""
    )


def test_text_of_one_size_has_no_headline(parsed: Parsed) -> None:
    assert parsed(PROSE, PROSE).headline == ""
    assert parsed(together(sized((12, "Harbour report")), PROSE)).headline == ""


def test_a_paragraph_in_large_letters_is_no_headline(parsed: Parsed) -> None:
    told = ["All moorings were looked over in spring,", "and those that did not hold were renewed,"] * 3
    assert parsed(together(sized(*[(20, line) for line in told]), PROSE)).headline == ""
    assert parsed(together(sized((9, "word " * 60)), lines("x", top=500))).headline == ""


def test_what_stands_as_large_over_the_next_page_too_is_no_headline(parsed: Parsed) -> None:
    letterhead = sized((22, "ACME Corporation"))
    first = together(letterhead, sized((18, "Terms of delivery"), top=700), PROSE)
    assert parsed(first, together(letterhead, PROSE)).headline == "Terms of delivery"
    assert parsed(together(letterhead, PROSE), together(letterhead, PROSE)).headline == ""


def test_a_title_that_runs_over_the_pages_in_small_letters_is_one(parsed: Parsed) -> None:
    running = sized((10, "Harbour report"), top=800)
    pages = [together(running, PROSE) for _ in range(4)]
    assert parsed(together(sized((24, "Harbour report")), PROSE), *pages).headline == "Harbour report"


def test_a_stamp_along_the_margin_is_no_headline(parsed: Parsed) -> None:
    def stamp(canvas: Canvas) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 30)
        canvas.translate(40, 300)
        canvas.rotate(90)
        canvas.drawString(0, 0, "arXiv:2301.12345v2 30 Jan 2023")
        canvas.restoreState()

    assert parsed(together(sized((18, "On moorings")), PROSE, stamp)).headline == "On moorings"


def test_a_large_first_letter_makes_no_headline_of_its_line(parsed: Parsed) -> None:
    def initial(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 40)
        canvas.drawString(60, 500, "T")
        canvas.setFont("Helvetica", 11)
        canvas.drawString(86, 500, "he moorings were looked over in spring, and all of them hold.")

    assert (
        parsed(together(sized((18, "On moorings")), initial, lines(*["They hold."] * 8, top=480))).headline
        == "On moorings"
    )


@pytest.mark.parametrize(
    ("told", "title", "headline"),
    [
        ("On moorings, by Ann", "On moorings, by Ann", ""),
        ("Microsoft Word - On moorings", "On moorings", ""),
        ("Microsoft Word - moorings_v2.docx", "moorings_v2.docx", "Harbour report"),
        ("0001193125-22-000012", "0001193125-22-000012", "Harbour report"),
        ("untitled", "", "Harbour report"),
        ("PowerPoint Presentation", "", "Harbour report"),
        ("d251234d10k.htm", "d251234d10k.htm", "Harbour report"),
        ("", "", "Harbour report"),
    ],
)
def test_a_title_that_the_file_tells_itself_goes_first(
    parse_bytes: Callable[..., ParsedDocument], told: str, title: str, headline: str
) -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=(595, 842))
    canvas.setTitle(told)
    together(sized((24, "Harbour report")), PROSE)(canvas)
    canvas.save()
    document = parse_bytes(DocumentType.PDF, buffer.getvalue())
    assert (document.title, document.headline) == (title, headline)
