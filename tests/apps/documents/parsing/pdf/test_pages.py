import io
import random
import zlib

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from apps.documents.parsing.types import DocumentType, PlaceKind
from ragsite.core.errors import PermanentError

HELLO = b"BT /F 12 Tf 10 10 Td (Hello duck) Tj ET"


@pytest.fixture
def parse(parse_bytes):
    return lambda data, **limits: parse_bytes(DocumentType.PDF, data, **limits)


def code_of(parse, data, **limits):
    with pytest.raises(PermanentError) as caught:
        parse(data, **limits)
    assert caught.value.error_action
    return caught.value.error_code


def drawn(*pages, **options):
    buffer = io.BytesIO()
    canvas = Canvas(buffer, **options)
    canvas.setTitle("About ducks")
    for text in pages:
        canvas.drawString(72, 700, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def test_each_page_is_a_section_with_its_number(parse):
    document = parse(drawn("First page.", "", "Third page."))
    assert document.title == "About ducks"
    assert [section.place.kind for section in document.sections] == [PlaceKind.PAGE] * 2
    assert {section.place.number: document.text[section.start : section.end] for section in document.sections} == {
        1: "First page.",
        3: "Third page.",
    }
    assert document.metadata == {"pages": "3", "pages_without_text": "2"}


def test_what_programs_write_as_the_title_is_none(parse):
    def titled(title):
        buffer = io.BytesIO()
        canvas = Canvas(buffer)
        canvas.setTitle(title)
        canvas.drawString(72, 700, "words")
        canvas.save()
        return parse(buffer.getvalue()).title

    titles = ["untitled", "(anonymous)", "Document1", "Microsoft Word - Ponds", "Untitled ponds"]
    assert list(map(titled, titles)) == ["", "", "", "Ponds", "Untitled ponds"]


def test_a_pdf_with_a_password_is_refused(parse):
    assert code_of(parse, drawn("secret", encrypt=StandardEncryption("open sesame"))) == "encrypted_file"


def test_a_pdf_that_only_forbids_changes_is_read(parse):
    encryption = StandardEncryption("", ownerPassword="mine", canModify=0)
    assert parse(drawn("public words", encrypt=encryption)).text == "public words"


def test_pages_without_text_are_distinguished_from_damage(parse):
    assert code_of(parse, drawn("", "")) == "no_text_layer"
    assert code_of(parse, b"%PDF-1.4\nnothing of a PDF follows") == "damaged_file"
    assert code_of(parse, b"") == "damaged_file"


def test_too_many_pages_are_refused_before_they_are_read(parse, make_pdf):
    assert code_of(parse, make_pdf(HELLO, pages=4), max_pages=3) == "too_large"


def test_too_much_text_is_refused(parse, make_pdf):
    assert code_of(parse, make_pdf(HELLO, pages=40), max_characters=100) == "too_large"


@pytest.mark.parametrize("layers", [1, 2])
def test_streams_that_unpack_to_absurd_sizes_are_refused(parse, make_pdf, layers):
    bomb = b" " * 2_000_000
    for _ in range(layers):
        bomb = zlib.compress(bomb)
    assert code_of(parse, make_pdf(bomb, filters=layers), max_unpacked_bytes=1_000_000) == "unsafe_archive"


def test_streams_packed_over_and_over_are_refused(parse, make_pdf):
    stream = zlib.compress(zlib.compress(zlib.compress(HELLO)))
    assert code_of(parse, make_pdf(stream, filters=3)) == "unsafe_archive"


def test_ordinary_packed_streams_are_read(parse, make_pdf):
    assert parse(make_pdf(zlib.compress(zlib.compress(HELLO)), filters=2)).text == "Hello duck"


def test_no_damage_leads_to_anything_but_a_document_or_a_refusal(parse, make_pdf):
    whole = make_pdf(zlib.compress(HELLO), filters=1)
    chance = random.Random(7)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(6):
            damaged[chance.randrange(9, len(damaged))] = chance.randrange(256)
        try:
            parse(bytes(damaged))
        except PermanentError:
            refused += 1
    assert refused > 0
