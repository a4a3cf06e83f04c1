"""The stand-in for the recognition program is a real program: it checks that a picture comes and answers as it is told."""

import io
import os
import shutil
import zlib

import pytest
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.pdf.ocr import (
    MOST_PIXELS,
    PROGRAM,
    OcrPdfParser,
    RecognisedWord,
    Recognition,
    page_picture,
    recognised_words,
)
from apps.documents.parsing.registry import parser_for
from apps.documents.parsing.types import DocumentType, FileLimits
from ragsite.core.errors import PermanentError, RagError

BLANK = zlib.compress(b"0 0 m")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a program called tesseract on the PATH, which runs these lines of shell."""

    def put(lines):
        folder = tmp_path / "bin"
        folder.mkdir()
        path = folder / "tesseract"
        path.write_text(f"#!/bin/sh\n{lines}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return put


@pytest.fixture
def recognise(tmp_path):
    def parse(data, **options):
        path = tmp_path / "scan.pdf"
        path.write_bytes(data)
        return OcrPdfParser(Recognition(**options)).parse(path, FileLimits())

    return parse


def mixed_pdf():
    """A page with a text layer, and one that is blank."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.drawString(100, 700, "Words of the text layer")
    canvas.showPage()
    canvas.rect(100, 100, 50, 50)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def test_pages_without_a_text_layer_are_given_to_the_program(program, recognise):
    program('test "$(head -c 3)" = "P5 " && echo "Recognised in $4"')
    document = recognise(mixed_pdf(), languages="eng+deu")
    assert document.text == "Words of the text layer\n\nRecognised in eng+deu"
    assert [section.place.number for section in document.sections] == [1, 2]


def test_a_page_on_which_nothing_is_recognised_has_no_text_layer(program, recognise, make_pdf):
    program("cat > /dev/null")
    with pytest.raises(PermanentError) as caught:
        recognise(make_pdf(BLANK, filters=1))
    assert caught.value.error_code == "no_text_layer"


def test_the_program_tells_where_words_are(program):
    rows = ["level\\tleft\\ttop\\twidth\\theight\\ttext", "1\\t0\\t0\\t200\\t100\\t", "5\\t20\\t10\\t50\\t20\\tInvoice"]
    program('cat > /dev/null; test "$7" = tsv && printf \'' + "\\n".join(rows) + "\\n'")
    assert recognised_words(b"P5 1 1 255\n0", Recognition()) == [RecognisedWord("Invoice", 0.1, 0.1, 0.35, 0.3)]


@pytest.mark.parametrize(
    ("lines", "options", "code", "told"),
    [
        ("cat > /dev/null; echo 'no data for xyz' >&2; exit 1", {}, "configuration_error", "no data for xyz"),
        ("exec sleep 30", {"seconds_a_page": 0.2}, "recognition_timeout", "more than 0.2 seconds"),
        ("cat > /dev/null", {"most_pages": 1}, "too_large", "More than 1 pages"),
    ],
)
def test_what_goes_wrong_is_reported(program, recognise, make_pdf, lines, options, code, told):
    program(lines)
    with pytest.raises(RagError, match=told) as caught:
        recognise(make_pdf(BLANK, filters=1, pages=2), **options)
    assert caught.value.error_code == code


def test_a_missing_program_is_the_operators_matter(recognise, make_pdf, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RagError, match="not on the PATH") as caught:
        recognise(make_pdf(BLANK, filters=1))
    assert caught.value.error_code == "configuration_error"


def test_a_huge_page_makes_a_picture_of_bounded_size(make_pdf):
    import pypdfium2

    pdf = pypdfium2.PdfDocument(make_pdf(BLANK, filters=1).replace(b"0 0 99 99", b"0 0 9e3 9e3"))
    picture = page_picture(pdf[0])
    assert len(picture) <= MOST_PIXELS * 1.01


def test_the_registry_gives_the_recognising_parser_only_when_asked():
    assert parser_for(DocumentType.PDF).name == "pdf"
    assert parser_for(DocumentType.PDF, recognises=True).name == "pdf+ocr"
    assert parser_for(DocumentType.TEXT, recognises=True).name == "text"


@pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="Tesseract is not installed.")
def test_the_real_program_reads_a_picture_of_words(tmp_path, recognise):
    import pypdfium2

    buffer = io.BytesIO()
    canvas = Canvas(buffer)
    canvas.setFont("Helvetica", 40)
    canvas.drawString(60, 700, "Invoice 2024")
    canvas.save()
    bitmap = pypdfium2.PdfDocument(buffer.getvalue())[0].render(scale=2)
    scan = pypdfium2.PdfDocument.new()
    page = scan.new_page(600, 800)
    image = pypdfium2.PdfImage.new(scan)
    image.set_bitmap(bitmap)
    image.set_matrix(pypdfium2.PdfMatrix().scale(600, 800))
    page.insert_obj(image)
    page.gen_content()
    saved = io.BytesIO()
    scan.save(saved)
    assert "Invoice 2024" in recognise(saved.getvalue()).text
