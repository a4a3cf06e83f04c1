import pytest

from apps.documents.parsing.types import DocumentType


@pytest.fixture
def parse(parse_bytes):
    def parse_body(body, head=r"\ansi\ansicpg1252"):
        return parse_bytes(DocumentType.RTF, f"{{\\rtf1{head} {body}}}".encode("latin-1"))

    return parse_body


FONTS = r"\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset128 Gothic;}{\f2\fcharset204 Cyr;}}"


def test_paragraphs_are_kept_and_formatting_is_not(parse):
    assert (
        parse("One {\\b bold}\r\n word\\par\\pard Two\\line lines\\tab x\\~y").text
        == "One bold word\n\nTwo\nlines\tx y"
    )


def test_headings_come_from_styles_and_from_outline_levels(parse, outline):
    styles = r"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 Big;}{\s2 heading 2;}}"
    body = (
        r"\pard\s1 Duck\par\pard\s0 A bird.\par\pard\s2 Food\par\pard Leaves.\par\pard\outlinelevel0 Goose\par\pard x"
    )
    assert outline(parse(styles + body)) == [
        (("Duck",), "Duck\n\nA bird."),
        (("Duck", "Food"), "Food\n\nLeaves."),
        (("Goose",), "Goose\n\nx"),
    ]


def test_tables_and_lists_are_kept(parse):
    row = r"\trowd\intbl Leaf\par green\cell\intbl May\cell\row".replace("Leaf", "{}").format
    body = row("Food") + row("Leaf") + r"\pard{\listtext\'b7\tab}one\par{\listtext\'b7\tab}two\par\pard end"
    assert parse(body).text == "| Food green | May |\n| Leaf green | May |\n- one\n- two\n\nend"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"Gr\'f6\'dfe", "Größe"),
        (r"{\f1 \'93\'8c\'8b\'9e}", "東京"),
        (r"{\f1 \'83\'5c\'83}", "ソ\ufffd"),
        (r"{\f1 \'83\\}", "ソ"),
        (r"{\f2 \'ce\'e4}\'e4", "Одä"),
        (r"\u26481?\u20140?", "東京"),
        (r"\uc2\u26481\'93\'8c\uc0\u20140 x", "東京x"),
        (r"\u-10179?\u-9206?", "\U0001f40a"),
        (r"a\u-10180?b", "ab"),
        (r"\ldblquote a\rdblquote\emdash b\_c\-d", "“a”—b-cd"),
        (r"\{a\\b\}", "{a\\b}"),
    ],
)
def test_characters_are_read_by_font_and_by_number(parse, body, text):
    assert parse(body, head=FONTS).text == text.replace("\ufffd", "�")


def test_what_a_reader_does_not_see_is_left_out(parse):
    body = (
        r"seen{\*\unknown a}{\pict\pngblip 89504e47}{\object{\*\objdata 0105}{\result shown}}{\v b}\v c\v0"
        r"{\field{\*\fldinst PAGE}{\fldrslt link}}{\shp{\*\shpinst{\sp{\sn e}{\sv f}}{\shptxt box}}}"
    )
    assert parse(body + "\\bin4 {{{{end").text == "seenshownlinkboxend"


def test_notes_come_after_their_paragraph_margins_last_and_page_numbers_not_at_all(parse):
    body = r"{\header Head\par}{\footer - 7 -}{\headerf Head}Words{\footnote A note.} go on\par"
    assert parse(body).text == "Words go on\n\nA note.\n\nHead"
    table = r"\trowd\cellx1\cellx2\intbl a{\footnote In it.}\cell b\cell\row\pard Below{\footnote Under it.}\par"
    assert parse(table).text == "| a | b |\n\nIn it.\n\nBelow\n\nUnder it."


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (r"10{\super 6} and H{\sub 2}O and 5\super 2\nosupersub x", "10⁶ and H₂O and 5²x"),
        (
            r'see {\field{\*\fldinst{HYPERLINK "https://example.org/f"}}{\fldrslt{\b the} form}}.',
            "see the form (https://example.org/f).",
        ),
        (r'{\field{\*\fldinst HYPERLINK \\l "top"}{\fldrslt above}}', "above"),
        (
            r'{\f3 \'fe} open {\field{\*\fldinst SYMBOL 168 \\f "Wingdings"}{\fldrslt\f3\'a8}} shut {\f3\u61692?}',
            "☑ open ☐ shut ✓",
        ),
        (
            r"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres1\ffdefres0}}}{\fldrslt }} yes"
            r"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres25\ffdefres0}}}{\fldrslt }} no",
            "☒ yes☐ no",
        ),
        (
            r"Sales{\super\chftn{\footnote\pard\plain{\super\chftn} Gross.}} rose"
            r"{\*\atnauthor Ann}{\*\annotation Sure?}.\par End.",
            "Sales¹ rose.\n\n¹ Gross.\n\nComment by Ann: Sure?\n\nEnd.",
        ),
    ],
)
def test_what_stands_in_a_paragraph_is_told_apart(parse, body, shown):
    fonts = r"\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f3\fcharset2 Wingdings;}}"
    assert parse(body, head=fonts).text == shown


def test_items_and_headings_have_their_numbers(parse):
    body = (
        r"\pard\outlinelevel0{\listtext\pard 1.\tab}Scope\par\pard{\listtext 1.1\tab}Due\par"
        r"\pard\ilvl1{\listtext (a)\tab}counted\par\pard\ilvl1{\listtext o\tab}bullet\par"
    )
    assert parse(body).text == "1. Scope\n\n1.1 Due\n  (a) counted\n  - bullet"


def test_cells_stand_in_all_they_span(parse):
    rows = (
        r"\trowd\cellx3000\intbl Sales\cell\row"
        r"\trowd\trhdr\clvmgf\cellx1000\cellx3000\intbl Region\cell 2023\cell\row"
        r"\trowd\trhdr\clvmrg\cellx1000\cellx2000\cellx3000\intbl\cell Q1\cell Q2\cell\row"
        r"\trowd\clvmgf\cellx1000\cellx2000\cellx3000\intbl North\cell 1\cell 2\cell\row"
        r"\trowd\clvmrg\cellx1000\clmgf\cellx2000\clmrg\cellx3000\intbl\cell closed\cell\cell\row\pard End.\par"
    )
    assert parse(rows).text == (
        "Sales\n| Region | 2023 / Q1 | 2023 / Q2 |\n| North | 1 | 2 |\n| North | closed | closed |\n\nEnd."
    )


def test_the_title_may_come_twice(parse):
    assert parse(r"{\info{\upr{\title ??}{\*\ud{\title \u26481?\u20140?}}}{\author A}}x").title == "東京"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{\\rtf1 " + b"{" * 10_000, "too_deep"),
        (b"{\\rtf1 " + b"{}" * 2_000_001, "too_large"),
        (b"{\\rtf1 }", "empty_text"),
        (b"words", "damaged_file"),
    ],
)
def test_what_is_no_readable_document_is_refused(refused, data, code):
    assert refused(DocumentType.RTF, data).error_code == code


@pytest.mark.parametrize(
    "tail", [r"\'", r"\u99999999999 ", "\\", "}}}} more", r"\bin99999999 x", r"\fcharset9999\cpg1"]
)
def test_damage_at_the_end_does_not_lose_the_beginning(parse, tail):
    assert parse("words " + tail).text.startswith("words")
