import pytest

from apps.documents.parsing.tabular.delimited import likely_delimiter
from apps.documents.parsing.types import DocumentType, Place, PlaceKind


@pytest.fixture
def parse(parse_bytes):
    return lambda source: parse_bytes(DocumentType.CSV, source if isinstance(source, bytes) else source.encode())


def test_rows_keep_their_header_and_their_numbers(parse, outline):
    document = parse("name,kind\n" + "".join(f"bird {at},duck\n" for at in range(2, 31)))
    assert [section.place for section in document.sections] == [
        Place(PlaceKind.ROW, 1, rows=(1, 20)),
        Place(PlaceKind.ROW, 21, rows=(21, 30)),
    ]
    assert outline(document)[1] == (
        (),
        "| name | kind |\n" + "\n".join(f"| bird {at} | duck |" for at in range(21, 31)),
    )
    assert document.text.startswith("| name | kind |\n| bird 2 | duck |\n")
    assert document.title == ""


@pytest.mark.parametrize(
    ("sample", "delimiter"),
    [
        ("a,b\nc,d\n", ","),
        ("a;b,c\nd;e\nf;g,h,i\n", ";"),
        ("a\tb c, d\ne\tf\n", "\t"),
        ("a|b\nc|d\n", "|"),
        ('"x;y;z",b\n"x;y;z",d\n', ","),
        ("only\none\ncolumn\n", ","),
        ("Ware;Preis, netto;Preis, brutto\nApfel;1,50;1,79\nBirne;2,10;2,50\n", ";"),
        ("Name\tOrt, Land\nAnn\tBonn, D\nBob\tWien, A\n", "\t"),
        ("Name|Preis\nApfel|1,50\nBirne|2,10\n", "|"),
        ("a,b;c\nd,e\nf,g\n", ","),
    ],
)
def test_the_delimiter_is_the_one_that_makes_even_rows(sample, delimiter):
    assert likely_delimiter(sample) == delimiter


def test_quoted_cells_may_hold_delimiters_and_line_ends(parse):
    assert parse('who,what\n"Duck, Donald","first\nsecond"\n').text == "| who | what |\n| Duck, Donald | first second |"


def test_quotation_marks_may_be_doubled_or_behind_a_backslash_and_bars_part_no_cells(parse):
    assert parse('a,b\n"said ""no""",x | y\n').text == '| a | b |\n| said "no" | x \\| y |'
    assert parse('a,b\n"said \\"no, no\\" twice",x\n').text == '| a | b |\n| said "no, no" twice | x |'


def test_the_delimiter_may_be_named_in_the_first_line(parse):
    assert parse("sep=;\r\na,b;c\r\n").text == "| a,b | c |"


def test_rows_of_different_lengths_are_all_kept(parse):
    assert parse("a,b\n1,2,3\n4\n").text == "| a | b |  |\n| 1 | 2 | 3 |\n| 4 |  |  |"


def test_a_table_of_figures_alone_has_no_header(parse, outline):
    assert outline(parse("1,2\n3,4\n")) == [((), "| 1 | 2 |\n| 3 | 4 |")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp932", "iso2022_jp"])
def test_tables_come_in_many_encodings(parse, encoding):
    source = "名前,年齢,住所\r\n佐藤太郎,30,東京\r\n三木英子,25,大阪\r\n髙橋淳,35,名古屋\r\n".replace("髙", "高")
    assert "| 佐藤太郎 | 30 | 東京 |" in parse(source.encode(encoding)).text


@pytest.mark.parametrize(
    ("size", "told"), [(200_000, "A cell after row 1 "), (10_000_000, "Line 2 of the table has more than")]
)
def test_a_cell_without_end_is_refused_with_its_place(refused, size, told):
    error = refused(DocumentType.CSV, b'a,b\n1,"' + b"x" * size)
    assert error.error_code == "too_large"
    assert error.message.startswith(told)


def test_a_missing_quotation_mark_does_not_swallow_the_rest_unsaid(refused):
    error = refused(DocumentType.CSV, b'a,b\n1,"open\n' + b"2,two\n" * 30_000)
    assert error.error_code == "too_large"
    assert "quotation mark" in error.error_action
