from __future__ import annotations

import io
import random
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.pdf.ocr import RecognisedWord
from apps.documents.parsing.registry import parse
from apps.documents.parsing.types import DocumentType, ParsedDocument, Section
from apps.documents.pictures.boxes import Rectangle, boxes_packed, boxes_unpacked, rectangles_of
from apps.documents.pictures.rendering import LONGEST_SIDE, MOST_PIXELS, page_drawn
from ragsite.core.errors import PermanentError
from tests.pdfs import LINES_OF_PAGE, pdf_of, pdf_with_lost_page

SAID = "The harbour office opens at 07:30 and closes at 18:00, café über naïve “quoted” co-operation — 42 berths"
WORDS = SAID.split()


def lines(chance: random.Random) -> list[str]:
    return ["  ".join(chance.choice(WORDS) for _ in range(8)) for _ in range(LINES_OF_PAGE)]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ParsedDocument]:
    """A PDF of a few pages, one of which is blank and one turned, and what it says."""
    chance = random.Random(17)
    path = tmp_path_factory.mktemp("pdf") / "pages.pdf"
    path.write_bytes(pdf_of(lines(chance), [], lines(chance), ["The only line."], lines(chance)))
    return path, parse(path, DocumentType.PDF)


def read_back(page: pypdfium2.PdfPage, rectangles: list[Rectangle]) -> str:
    """The characters that PDFium finds within a hair of the rectangles; those on the edges are cut off."""
    (width, height), letters, hair = page.get_size(), page.get_textpage(), 0.3
    return "".join(
        letters.get_text_bounded(
            one.left * width + hair, (1 - one.bottom) * height + hair,
            one.right * width - hair, (1 - one.top) * height - hair,
        )
        for one in rectangles
    )  # fmt: skip


def bare(text: str) -> str:
    return "".join(text.split())


def number_of(section: Section) -> int:
    assert section.place is not None
    assert section.place.number is not None
    return section.place.number


def test_the_boxes_of_any_span_read_back_as_the_span(pages: tuple[Path, ParsedDocument]) -> None:
    path, document = pages
    chance, pdf = random.Random(5), pypdfium2.PdfDocument(path)
    assert [number_of(section) for section in document.sections] == [1, 3, 4, 5]
    for section in document.sections:
        said = document.text[section.start : section.end]
        boxes = boxes_unpacked(boxes_packed(page_drawn(path, number_of(section), said).boxes))
        assert len(boxes) == len(said)
        words = [at for at in range(len(said)) if at == 0 or said[at - 1].isspace()] + [len(said)]
        for _ in range(60):
            start, end = sorted(chance.sample(words, 2))
            back = read_back(pdf[number_of(section) - 1], rectangles_of(boxes, start, end))
            assert bare(back) == bare(said[start:end])


def test_a_turned_page_is_drawn_and_marked_as_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "turned.pdf"
    path.write_bytes(pdf_of(["Berths for guests", "and for members"], turned=[1]))
    said = parse(path, DocumentType.PDF).text
    drawn = page_drawn(path, 1, said)
    (line,) = rectangles_of(drawn.boxes, said.index("Berths"), said.index("Berths") + 6)
    picture = Image.open(io.BytesIO(drawn.picture)).convert("L")
    across, down = picture.size
    cut = picture.crop(
        (int(line.left * across), int(line.top * down), int(line.right * across), int(line.bottom * down))
    )
    assert cut.getextrema()[0] < 100, "nothing is printed where the word was said to be"
    assert line.height > 1.5 * line.width, "what was written across a page that is turned runs down it"


def test_boxes_follow_the_columns_the_table_and_the_field_that_a_page_is_read_by(tmp_path: Path) -> None:
    path, canvas = tmp_path / "columns.pdf", Canvas(str(tmp_path / "columns.pdf"), pagesize=(595, 842))
    columns = [("All boats that moor", "Diesel is sold here"), ("here pay at the kiosk", "on weekdays by noon")]
    for number, (left, right) in enumerate(columns):
        canvas.drawString(60, 780 - 14 * number, left)
        canvas.drawString(260, 780 - 14 * number, right)
    for number, cells in enumerate([("Berth", "Price"), ("A1", "40"), ("B1", "70")]):
        canvas.drawString(60, 700 - 14 * number, cells[0])
        canvas.drawString(160, 700 - 14 * number, cells[1])
    canvas.drawString(60, 600, "Name:")
    canvas.acroForm.textfield(name="name", x=120, y=595, width=90, height=18, value="Anna")
    canvas.save()
    said = parse(path, DocumentType.PDF).text
    boxes, page = page_drawn(path, 1, said).boxes, pypdfium2.PdfDocument(path)[0]
    for words in ("moor\nhere pay", "Diesel is sold here\non weekdays", "A1 | 40", "Price"):
        start = said.index(words)
        back = read_back(page, rectangles_of(boxes, start, start + len(words)))
        assert bare(back) == bare(words).replace("|", "")
    (field,) = rectangles_of(boxes, said.index("Anna"), said.index("Anna") + 4)
    assert (round(field.left * 595), round((1 - field.bottom) * 842)) == (120, 595)


def test_words_that_were_recognised_have_boxes_where_the_recogniser_tells_them(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf_of([]))
    words = [RecognisedWord("Invoice", 0.1, 0.1, 0.45, 0.15), RecognisedWord("2024", 0.5, 0.1, 0.7, 0.15)]
    boxes = page_drawn(path, 1, "Invoice 2024", words=lambda _: words).boxes
    (word,) = rectangles_of(boxes, 0, 7)
    assert (word.left, word.top, word.right, word.bottom) == pytest.approx((0.1, 0.1, 0.45, 0.15))
    (half,) = rectangles_of(boxes, 8, 10)
    assert (half.left, half.right) == pytest.approx((0.5, 0.6))


@pytest.mark.parametrize("size", [(14_000.0, 14_000.0), (3.0, 14_000.0)])
def test_the_picture_of_a_huge_page_is_bounded(tmp_path: Path, size: tuple[float, float]) -> None:
    path = tmp_path / "huge.pdf"
    path.write_bytes(pdf_of(["Huge"], size=size))
    drawn = page_drawn(path, 1, "Huge")
    assert drawn.width * drawn.height <= MOST_PIXELS * 1.01
    assert max(drawn.width, drawn.height) <= LONGEST_SIDE
    assert len(drawn.boxes) in (0, 4)


def test_a_page_without_a_text_layer_has_no_boxes_and_one_that_is_lost_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "lost.pdf"
    path.write_bytes(pdf_of([]))
    assert page_drawn(path, 1, "words that were recognised").boxes == []
    path.write_bytes(pdf_with_lost_page())
    assert page_drawn(path, 1, "The harbour has 42 berths.").boxes
    for page, code in ((2, "damaged_file"), (3, "not_found"), (0, "not_found")):
        with pytest.raises(PermanentError) as caught:
            page_drawn(path, page, "")
        assert caught.value.error_code == code
