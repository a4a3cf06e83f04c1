import pytest

from apps.documents.parsing.types import DocumentType, Place, PlaceKind

NAMES = (
    " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table", "presentation", "style")
    )
    + ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
    + ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def content(kind, body, doctype="", styles=""):
    inner = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    inner += f"<office:body><office:{kind}>{body}</office:{kind}></office:body>"
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
    assert document.text == "Words¹ go on.\n\n¹ A note.\n\nComment by Ann: Really?"


def text_style(name, properties):
    return f'<style:style style:name="{name}"><style:text-properties {properties}/></style:style>'


def span(style, words):
    return f'<text:span text:style-name="{style}">{words}</text:span>'


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("10" + span("Up", "6") + " of H" + span("Down", "2") + "O", "10⁶ of H₂O"),
        (
            "<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text></text:ruby>へ",
            "東京(とうきょう)へ",
        ),
        ('<text:a xlink:href="https://example.org/f">the form</text:a>.', "the form (https://example.org/f)."),
        ('<text:a xlink:href="#top">above</text:a>', "above"),
        (span("Sign", "\uf0fe") + " open", "☑ open"),
        ("seen" + span("Gone", "hidden"), "seen"),
    ],
)
def test_what_stands_in_a_paragraph_is_told_apart(parse_bytes, make_zip, inside, shown):
    styles = (
        text_style("Up", 'style:text-position="super 58%"')
        + text_style("Down", 'style:text-position="-33% 58%"')
        + text_style("Sign", 'style:font-name="Wingdings"')
        + text_style("Gone", 'text:display="none"')
    )
    data = make_zip({"content.xml": content("text", f"<text:p>{inside}</text:p>", styles=styles)})
    assert parse_bytes(DocumentType.ODT, data).text == shown


def test_items_and_headings_have_the_numbers_that_are_shown(parse_bytes, make_zip):
    def level(depth, notation, more="", kind="list-level-style-number"):
        return f'<text:{kind} text:level="{depth}" style:num-format="{notation}" {more}/>'

    def item(words, more=""):
        return f"<text:list-item {more}>{words}</text:list-item>"

    def paragraph(words):
        return f"<text:p>{words}</text:p>"

    styles = '<text:list-style style:name="L">{}</text:list-style>'.format(
        level(1, "1", 'style:num-prefix="§ "')
        + level(2, "1", 'text:display-levels="2"')
        + level(3, "a", 'style:num-prefix="(" style:num-suffix=")" text:start-value="3"')
    )
    numbered = level(1, "I", 'style:num-suffix="."', "outline-level-style")
    outline = f"<office:styles><text:outline-style>{numbered}</text:outline-style></office:styles>"
    deepest = f"<text:list>{item(paragraph('c'))}</text:list>"
    deep = f"<text:list>{item(paragraph('Due') + paragraph('More.') + deepest)}</text:list>"
    other = item(paragraph("Other"), 'text:start-value="7"')
    body = (
        '<text:h text:outline-level="1">Terms</text:h>'
        f'<text:list text:style-name="L">{item(paragraph("Scope"))}{item(paragraph("Payment") + deep)}</text:list>'
        f"{paragraph('Between.')}"
        f'<text:list text:style-name="L" text:continue-numbering="true">{item(paragraph("Law"))}</text:list>'
        f'<text:list text:style-name="L">{other}</text:list>'
    )
    common = f"<office:document-styles {NAMES}>{outline}</office:document-styles>"
    data = make_zip({"content.xml": content("text", body, styles=styles), "styles.xml": common})
    assert parse_bytes(DocumentType.ODT, data).text == (
        "I. Terms\n\n§ 1 Scope\n§ 2 Payment\n  2.1 Due\n    More.\n    (c) c\n\nBetween.\n\n§ 3 Law\n§ 7 Other"
    )


def test_cells_stand_in_all_they_span_and_comments_after_the_sheet(parse_bytes, odf, parse_text):
    def cell(text, more="", inside=""):
        return f"<table:table-cell {more}>{inside}<text:p>{text}</text:p></table:table-cell>"

    wide, high = 'table:number-columns-spanned="2"', 'table:number-rows-spanned="2"'
    covered = "<table:covered-table-cell/>"
    value = '<table:table-cell office:value-type="float" office:value="3"/>'
    formula = '<table:table-cell table:formula="of:=SUM([.B3:.B4])"/>'
    note = "<office:annotation><dc:creator>Ann</dc:creator><text:p>Sure?</text:p></office:annotation>"
    rows = [
        cell("Region", high) + cell("2023", wide) + covered,
        covered + cell("Q1") + cell("Q2"),
        cell("North", high) + cell("1", inside=note) + cell("2"),
        covered + value + formula,
    ]
    table = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    shown = "| Region | 2023 / Q1 | 2023 / Q2 |\n| North | 1 | 2 |\n| North | 3 | =SUM(B3:B4) (not calculated) |"
    sheet = parse_bytes(DocumentType.ODS, odf("spreadsheet", f'<table:table table:name="Pond">{table}</table:table>'))
    assert sheet.text == f"{shown}\nB3: Ann: Sure?"
    assert parse_text(f"<table:table>{table}</table:table>").text == shown


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


def test_shapes_of_a_slide_are_read_from_top_to_bottom(parse_bytes, odf):
    def frame(words, at):
        return f'<draw:frame {at} svg:height="1cm"><draw:text-box><text:p>{words}</text:p></draw:text-box></draw:frame>'

    def at(left, top):
        return f'svg:x="{left}" svg:y="{top}"'

    group = f"<draw:g>{frame('four', at('9cm', '31mm'))}{frame('three', at('1cm', '3cm'))}</draw:g>"
    body = (
        f"<draw:page><presentation:notes><text:p>notes</text:p></presentation:notes>{group}"
        f"{frame('two', at('9cm', '1cm'))}{frame('one', at('1cm', '1.1cm'))}</draw:page>"
    )
    assert parse_bytes(DocumentType.ODP, odf("presentation", body)).text.split() == [
        "one",
        "two",
        "three",
        "four",
        "notes",
    ]


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
