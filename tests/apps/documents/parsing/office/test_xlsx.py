import random

import pytest

from apps.documents.parsing.types import DocumentType, Place, PlaceKind

NAMESPACES = {
    "transitional": "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "strict": "http://purl.oclc.org/ooxml/spreadsheetml/main",
}
RELATIONS = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[Red]0.0%"/><numFmt numFmtId="165" formatCode="d/m/yy"/>'
    '<numFmt numFmtId="166" formatCode="0 &quot;days&quot;"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="22"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="20"/></cellXfs></styleSheet>'
)


def text(reference, words):
    return f'<c r="{reference}" t="inlineStr"><is><t>{words}</t></is></c>'


def number(reference, value, style=0):
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def row(at, *cells):
    return f'<row r="{at}">{"".join(cells)}</row>'


@pytest.fixture
def workbook(make_office):
    """A workbook of sheets: names and rows; `hidden` sheets are not shown, `parts` are further members."""

    def make(sheets, *, kind="transitional", hidden=(), parts=None, strings=(), properties=""):
        names = f'xmlns="{NAMESPACES[kind]}"'
        states = ("visible", "hidden")
        entries = "".join(
            f'<sheet name="{name}" sheetId="{at}" r:id="r{at}" state="{states[name in hidden]}"/>'
            for at, name in enumerate(sheets)
        )
        related = [("worksheet", f"worksheets/sheet{at}.xml") for at in range(len(sheets))]
        items = "".join(f"<si>{item}</si>" for item in strings)
        members = {
            "xl/workbook.xml": f"<workbook {names} {RELATIONS}>{properties}<sheets>{entries}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": [*related, ("styles", "styles.xml"), ("sharedStrings", "/xl/strings.xml")],
            "xl/styles.xml": STYLES,
            "xl/strings.xml": f"<sst {names}>{items}</sst>",
        }
        for at, rows in enumerate(sheets.values()):
            members[f"xl/worksheets/sheet{at}.xml"] = f"<worksheet {names}><sheetData>{rows}</sheetData></worksheet>"
        return make_office("xl/workbook.xml", members | (parts or {}))

    return make


@pytest.fixture
def parse(parse_bytes, workbook):
    return lambda sheets, **options: parse_bytes(DocumentType.XLSX, workbook(sheets, **options))


@pytest.mark.parametrize("kind", NAMESPACES)
def test_rows_come_in_bands_that_keep_sheet_rows_and_header(parse, outline, kind):
    rows = row(1, text("A1", "Month"), text("B1", "Ducks")) + "".join(
        row(at, text(f"A{at}", f"month {at}"), number(f"B{at}", at * 10)) for at in range(2, 31)
    )
    document = parse({"Pond": rows}, kind=kind)
    assert [section.place for section in document.sections] == [
        Place(PlaceKind.SHEET, label="Pond", rows=(1, 20)),
        Place(PlaceKind.SHEET, label="Pond", rows=(21, 30)),
    ]
    assert {path for path, _ in outline(document)} == {("Pond", "Month | Ducks")}
    assert document.text.startswith("| Month | Ducks |\n| month 2 | 20 |\n")
    assert outline(document)[1][1].startswith("| month 21 | 210 |\n")


def test_a_blank_row_ends_a_table_and_empty_columns_are_left_out(parse, outline):
    rows = (
        row(2, text("C2", "Counts"))
        + row(3, text("C3", "Year"), text("E3", "Ducks"))
        + row(4, number("C4", 2024), number("E4", 180))
        + row(6, text("A6", "Food"), text("B6", "Season"))
    )
    assert outline(parse({"Pond": rows})) == [
        (("Pond",), "| Counts |"),
        (("Pond", "Year | Ducks"), "| Year | Ducks |\n| 2024 | 180 |"),
        (("Pond", "Food | Season"), "| Food | Season |"),
    ]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (number("A1", 45_678, style=1), "2025-01-21"),
        (number("A1", 45_678.5, style=2), "2025-01-21 12:00:00"),
        (number("A1", 0.75, style=6), "18:00:00"),
        (number("A1", 60, style=4), "1900-02-28"),
        (number("A1", 0.255, style=3), "25.5%"),
        (number("A1", 12, style=5), "12"),
        (number("A1", "0.30000000000000004"), "0.3"),
        (number("A1", 9_999_999, style=1), "9999999"),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="str"><f>A2</f><v>made by a formula</v></c>', "made by a formula"),
        ('<c r="A1" t="s"><v>1</v></c>', "second rich"),
        ('<c r="A1" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
    ],
)
def test_cells_are_shown_as_a_reader_sees_them(parse, cell, shown):
    strings = ("<t>first</t>", "<r><t>second </t></r><r><t>rich</t></r><rPh><t>guide</t></rPh>")
    document = parse({"Pond": row(1, cell, text("B1", "end"))}, strings=strings)
    assert document.text == f"| {shown} | end |"


def test_dates_may_count_from_1904(parse):
    document = parse({"Pond": row(1, number("A1", 1, style=1))}, properties='<workbookPr date1904="1"/>')
    assert document.text == "| 1904-01-02 |"


def test_hidden_sheets_are_named_but_not_read(parse):
    document = parse({"Pond": row(1, text("A1", "seen")), "Lists": row(1, text("A1", "secret"))}, hidden=("Lists",))
    assert document.text == "| seen |"
    assert document.metadata == {"sheets": "2", "sheets_hidden_not_read": "Lists"}


def test_comments_stand_after_the_sheet_they_are_on(parse, outline):
    comments = '<comments><commentList><comment ref="A1"><text><r><t>Check this</t></r></text></comment></commentList></comments>'
    parts = {"xl/worksheets/_rels/sheet0.xml.rels": [("comments", "../comments1.xml")], "xl/comments1.xml": comments}
    document = parse({"Pond": row(1, text("A1", "seen"))}, parts=parts)
    assert outline(document)[-1] == (("Pond",), "A1: Check this")


def test_a_shared_text_repeated_in_every_cell_does_not_fill_the_memory(refused, workbook):
    cells = "".join('<c t="s"><v>0</v></c>' for _ in range(16_000))
    data = workbook({"Pond": row(1, cells)}, strings=(f"<t>{random.Random(7).randbytes(50_000).hex()}</t>",))
    assert refused(DocumentType.XLSX, data).error_code == "too_large"


def test_a_cell_outside_of_any_sheet_is_damage(refused, workbook):
    assert refused(DocumentType.XLSX, workbook({"Pond": row(1, text("ZZZ1", "far"))})).error_code == "damaged_file"


def test_more_different_texts_than_can_be_held_are_refused(refused, workbook):
    data = workbook({"Pond": ""}, strings=["<t>a</t>"] * 11)
    assert refused(DocumentType.XLSX, data, max_values=10).error_code == "too_large"


def test_entities_in_a_sheet_are_refused(refused, workbook):
    sheet = '<!DOCTYPE a [<!ENTITY b "c">]><worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>'
    data = workbook({"Pond": ""}, parts={"xl/worksheets/sheet0.xml": sheet})
    assert refused(DocumentType.XLSX, data).error_code == "unsafe_xml"
