import pytest

from apps.documents.parsing.types import DocumentType, Place, PlaceKind

NAMES = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "presentation")
    )
    + ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def content(kind, body, doctype=""):
    inner = f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return f"{doctype}<office:document-content {NAMES}>{inner}</office:document-content>"


@pytest.fixture
def odf(make_zip):
    def make(kind, body, **more):
        return make_zip({"content.xml": content(kind, body)} | more)

    return make


@pytest.fixture
def parse_text(parse_bytes, odf):
    return lambda body, **more: parse_bytes(DocumentType.ODT, odf("text", body, **more))


def test_headings_lists_and_tables_of_a_text_are_kept(parse_text, outline):
    document = parse_text(
        '<text:h text:outline-level="1">Duck</text:h><text:p>A  <text:span>bird</text:span>.<text:s text:c="2"/>x</text:p>'
        "<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>two</text:p></text:list-item>"
        "</text:list></text:list-item></text:list>"
        '<text:h text:outline-level="2">Food</text:h><table:table><table:table-row><table:table-cell><text:p>Leaf</text:p>'
        '</table:table-cell><table:covered-table-cell/><table:table-cell table:number-columns-repeated="2"><text:p>b</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    assert outline(document) == [
        (("Duck",), "Duck\n\nA bird.  x\n\n- one\n  - two"),
        (("Duck", "Food"), "Food\n\n| Leaf |  | b | b |"),
    ]


def test_notes_come_after_their_paragraph_and_deleted_text_not_at_all(parse_text):
    document = parse_text(
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:p>Words<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p>"
        "</text:note-body></text:note> go on<office:annotation><dc:creator>Ann</dc:creator><text:p>Really?</text:p>"
        "</office:annotation>.</text:p><text:table-of-content><text:p>Duck 1</text:p></text:table-of-content>"
    )
    assert document.text == "Words go on.\n\nA note.\n\nReally?"


def test_the_title_is_in_the_properties(parse_text):
    meta = f"<office:document-meta {NAMES}><office:meta><dc:title>Ducks</dc:title></office:meta></office:document-meta>"
    assert parse_text("<text:p>x</text:p>", **{"meta.xml": meta}).title == "Ducks"


def cells(*texts):
    return "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts)


def test_sheets_come_with_names_rows_and_headers(parse_bytes, odf, outline):
    body = (
        f'<table:table table:name="Pond"><table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        f"<table:table-header-rows><table:table-row>{cells('Year', 'Ducks')}</table:table-row></table:table-header-rows>"
        f'<table:table-row table:number-rows-repeated="2">{cells("2024", "180")}</table:table-row>'
        '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384"/>'
        "</table:table-row></table:table>"
    )
    document = parse_bytes(DocumentType.ODS, odf("spreadsheet", body))
    assert outline(document) == [(("Pond",), "| Year | Ducks |\n| 2024 | 180 |\n| 2024 | 180 |")]
    assert document.sections[0].place == Place(PlaceKind.SHEET, label="Pond", rows=(4, 6))


def test_a_cell_repeated_without_end_is_refused(refused, odf):
    row = f'<table:table-cell table:number-columns-repeated="999999999"><text:p>{"word " * 20}</text:p></table:table-cell>'
    body = f'<table:table><table:table-row table:number-rows-repeated="999999999">{row}</table:table-row></table:table>'
    assert refused(DocumentType.ODS, odf("spreadsheet", body)).error_code == "too_large"


def test_a_row_repeated_without_end_is_refused(refused, odf):
    row = f'<table:table-row table:number-rows-repeated="999999999">{cells("a", "b")}</table:table-row>'
    body = f"<table:table>{row}</table:table>"
    assert refused(DocumentType.ODS, odf("spreadsheet", body), max_characters=100_000).error_code == "too_large"


def test_slides_come_with_numbers_titles_and_notes(parse_bytes, odf, outline):
    frame = "<draw:frame{}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>".format
    title = frame(' presentation:class="title"', "Duck")
    body = (
        f"<draw:page>{frame('', 'A bird')}{title}</draw:page>"
        f"<draw:page>{frame('', 'Leaves')}<presentation:notes>{frame('', 'Say hello')}</presentation:notes></draw:page>"
    )
    document = parse_bytes(DocumentType.ODP, odf("presentation", body))
    assert outline(document) == [(("Duck",), "Duck\n\nA bird"), ((), "Leaves\n\nSay hello")]
    assert [section.place.number for section in document.sections] == [1, 2]


@pytest.mark.parametrize("document_type", [DocumentType.ODT, DocumentType.ODS, DocumentType.ODP])
def test_passwords_entities_and_wrong_contents_are_refused(refused, odf, make_zip, document_type):
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"
    locked = odf("text", "<text:p>x</text:p>", **{"META-INF/manifest.xml": manifest})
    assert refused(document_type, locked).error_code == "encrypted_file"
    laughs = content("text", "&b;", doctype='<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>')
    assert refused(document_type, make_zip({"content.xml": laughs})).error_code == "unsafe_xml"
    assert refused(document_type, odf("chart", "x")).error_code == "damaged_file"
    assert refused(document_type, make_zip({"a": "b"})).error_code == "damaged_file"


def test_a_part_of_more_elements_than_can_be_held_is_refused(refused, odf):
    data = odf("text", "<text:p>x</text:p>" * 20)
    assert refused(DocumentType.ODT, data, max_values=10).error_code == "too_large"
