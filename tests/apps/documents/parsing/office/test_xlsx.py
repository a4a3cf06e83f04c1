import random

import pytest

from apps.documents.parsing.office.number_codes import read_code
from apps.documents.parsing.office.number_formats import FIRST_DAY
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
    assert {path for path, _ in outline(document)} == {("Pond",)}
    assert document.text.startswith("| Month | Ducks |\n| month 2 | 20 |\n")
    assert outline(document)[1][1].startswith("| Month | Ducks |\n| month 21 | 210 |\n")


def test_a_blank_row_ends_a_table_and_empty_columns_are_left_out(parse, outline):
    rows = (
        row(2, text("C2", "Counts"))
        + row(3, text("C3", "Year"), text("E3", "Ducks"))
        + row(4, number("C4", 2024), number("E4", 180))
        + row(6, text("A6", "Food"), text("B6", "Season"))
    )
    assert outline(parse({"Pond": rows})) == [
        (("Pond",), "| Counts |"),
        (("Pond",), "| Year | Ducks |\n| 2024 | 180 |"),
        (("Pond",), "| Food | Season |"),
    ]


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        # Years, and figures that count on, name columns when others stand below them.
        ([["Branch", "2023", "2024"], ["North", "5", "7"]], ["| Branch | 2023 | 2024 |\n| North | 5 | 7 |"]),
        ([["Born", "1985"], ["Joined", "2010"]], ["| Born | 1985 |\n| Joined | 2010 |"]),
        # A blank row within a table.
        (
            [["Branch", "2023"], ["North", "5"], [], ["Total", "12"]],
            ["| Branch | 2023 |\n| North | 5 |", "| Branch | 2023 |\n| Total | 12 |"],
        ),
        # Another table below.
        (
            [["Branch", "2023"], ["North", "5"], [], ["Branch", "2024"], ["North", "6"]],
            ["| Branch | 2023 |\n| North | 5 |", "| Branch | 2024 |\n| North | 6 |"],
        ),
    ],
)
def test_a_table_has_the_header_that_a_reader_sees(parse, outline, rows, shown):
    cells = "".join(
        row(
            at,
            *(
                number(f"{'ABC'[column]}{at}", value) if value.isdecimal() else text(f"{'ABC'[column]}{at}", value)
                for column, value in enumerate(values)
            ),
        )
        for at, values in enumerate(rows, start=1)
    )
    assert [section for _, section in outline(parse({"Pond": cells}))] == shown


def test_merged_cells_stand_in_all_their_rows_and_columns_and_links_beside_their_words(parse):
    rows = [
        row(1, text("A1", "Ducks of the pond")),
        row(2, text("A2", "Region"), text("B2", "2023"), text("C2", "")),
        row(3, text("B3", "Q1"), text("C3", "Q2")),
        row(4, text("A4", "North"), number("B4", 1), number("C4", 2)),
        row(5, text("B5", "closed")),
        row(6, text("A6", "Form"), number("B6", 3), number("C6", 4)),
    ]
    merged = "".join(f'<mergeCell ref="{cells}"/>' for cells in ("A1:C1", "A2:A3", "B2:C2", "A4:A5", "B5:C5"))
    end = f'<mergeCells>{merged}</mergeCells><hyperlinks><hyperlink ref="A6" r:id="r0"/></hyperlinks>'
    sheet = f'<worksheet xmlns="{NAMESPACES["transitional"]}" {RELATIONS}><sheetData>{"".join(rows)}</sheetData>{end}</worksheet>'
    parts = {
        "xl/worksheets/sheet0.xml": sheet,
        "xl/worksheets/_rels/sheet0.xml.rels": [("hyperlink", "https://example.org/f?a=1&amp;b=2")],
    }
    assert parse({"Pond": ""}, parts=parts).text == (
        "| Ducks of the pond |\n| Region | 2023 / Q1 | 2023 / Q2 |\n| North | 1 | 2 |\n| North | closed | closed |\n"
        "| Form (https://example.org/f?a=1&b=2) | 3 | 4 |"
    )


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        ("000000", 4711, "004711"),
        ('#,##0.00\\ "€"', 1234.5, "1,234.50 €"),
        ("[$£-809]#,##0.00;[Red]-[$£-809]#,##0.00", -12.5, "-£12.50"),
        ('_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', -1234.5, "(1,234.50)"),
        ("[h]:mm", 1.5625, "37:30"),
        ("h:mm AM/PM", 0.75, "6:00 PM"),
        ("mmm yyyy", 45474, "Jul 2024"),
        ("dd.mm.yyyy hh:mm", 45474.5, "2024-07-01 12:00"),
        ("# ?/?", 3.5, "3 1/2"),
        ("# ?/8", 2.75, "2 6/8"),
        ("0.0%", 0.125, "12.5%"),
        ('0.0" °C"', -3.5, "-3.5 °C"),
        ('#,##0.0,,"M"', 12_345_678, "12.3M"),
        ("000-00-0000", 123_456_789, "123-45-6789"),
        ("0.00E+00", 12_345.678, "1.23E+04"),
        ('[>=1000]0.0,"k";0', 1_500, "1.5k"),
        ("0;-0;;@", 0, ""),
        ("0.000", 2.0005, "2.001"),
    ],
)
def test_numbers_are_shown_by_their_format(code, value, shown):
    read = read_code(code)
    assert read is not None
    assert read.number(value, first_day=FIRST_DAY) == shown


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        (number("A1", 45_678, style=1), "2025-01-21"),
        (number("A1", 45_678.5, style=2), "2025-01-21 12:00"),
        (number("A1", 0.75, style=6), "18:00"),
        (number("A1", 60, style=4), "1900-02-28"),
        (number("A1", 0.255, style=3), "25.5%"),
        (number("A1", 12, style=5), "12 days"),
        (number("A1", "0.30000000000000004"), "0.3"),
        (number("A1", 9_999_999, style=1), "9999999"),
        ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
        ('<c r="A1" t="str"><f>A2</f><v>made by a formula</v></c>', "made by a formula"),
        ('<c r="A1" t="str"><f>HYPERLINK("https://x.org/a","b")</f><v>b</v></c>', "b (https://x.org/a)"),
        ('<c r="A1" t="s"><v>1</v></c>', "second rich"),
        ('<c r="A1" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="A1"><f>SUM(B2:B3)</f><v/></c>', "=SUM(B2:B3) (not calculated)"),
        ('<c r="A1" t="str"><f>A2</f><v/></c>', ""),
    ],
)
def test_cells_are_shown_as_a_reader_sees_them(parse, cell, shown):
    strings = ("<t>first</t>", "<r><t>second </t></r><r><t>rich</t></r><rPh><t>guide</t></rPh>")
    document = parse({"Pond": row(1, cell, text("B1", "end"))}, strings=strings)
    assert document.text == (f"| {shown} | end |" if shown else "| end |")


def test_dates_may_count_from_1904(parse):
    document = parse({"Pond": row(1, number("A1", 1, style=1))}, properties='<workbookPr date1904="1"/>')
    assert document.text == "| 1904-01-02 |"


def test_hidden_sheets_are_named_but_not_read(parse):
    document = parse({"Pond": row(1, text("A1", "seen")), "Lists": row(1, text("A1", "secret"))}, hidden=("Lists",))
    assert document.text == "| seen |"
    assert document.metadata == {"sheets": "2", "sheets_hidden_not_read": "Lists"}


def test_comments_stand_after_the_sheet_they_are_on_with_cell_and_author(parse, outline):
    comments = (
        '<comments><authors><author>Ann</author></authors><commentList><comment ref="A1" authorId="0"><text><r><t>Check </t></r>'
        '<r><rPr><vertAlign val="superscript"/></rPr><t>1</t></r></text></comment></commentList></comments>'
    )
    thread = '<t:threadedComment ref="B2" personId="7"><t:text>Why?</t:text></t:threadedComment>'
    parts = {
        "xl/worksheets/_rels/sheet0.xml.rels": [
            ("comments", "../comments1.xml"),
            ("threadedComment", "../threads/t.xml"),
        ],
        "xl/comments1.xml": comments,
        "xl/threads/t.xml": f'<t:ThreadedComments xmlns:t="urn:t">{thread}</t:ThreadedComments>',
        "xl/persons/person.xml": '<p:personList xmlns:p="urn:t"><p:person displayName="Ben" id="7"/></p:personList>',
    }
    document = parse({"Pond": row(1, text("A1", "seen"))}, parts=parts)
    assert outline(document)[-1] == (("Pond",), "A1: Ann: Check ¹\nB2: Ben: Why?")


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
