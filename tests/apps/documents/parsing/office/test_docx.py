import io
import random

import docx
import docx.enum.style
import pytest

from apps.documents.parsing.types import DocumentType
from ragsite.core.errors import PermanentError

PARAGRAPH = "<w:p><w:r><w:t>A duck.</w:t></w:r></w:p>"
COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


@pytest.fixture
def parse(parse_bytes):
    return lambda data, **limits: parse_bytes(DocumentType.DOCX, data, **limits)


def refusal(parse, data, **limits):
    with pytest.raises(PermanentError) as caught:
        parse(data, **limits)
    assert caught.value.error_action
    return caught.value.error_code


def saved(document):
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_headings_lists_and_tables_come_out_in_order(parse, outline):
    document = docx.Document()
    document.core_properties.title = "About ducks"
    document.add_heading("Ducks", level=0)
    document.add_heading("Food", level=1)
    document.add_paragraph("They eat:")
    document.add_paragraph("leaves", style="List Bullet")
    document.add_paragraph("seeds", style="List Number")
    document.add_heading("Weights", level=2)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["Duck", "Weight", "Teal", "300 g"], strict=True):
        cell.text = text
    document.add_paragraph("End.")
    parsed = parse(saved(document))
    assert parsed.title == "About ducks"
    assert outline(parsed) == [
        (("Ducks", "Food"), "Ducks\n\nFood\n\nThey eat:\n\n- leaves\n1. seeds"),
        (("Ducks", "Food", "Weights"), "Weights\n\n| Duck | Weight |\n| Teal | 300 g |\n\nEnd."),
    ]
    assert all(section.place is None for section in parsed.sections)


def test_page_headers_and_footers_come_last_without_bare_page_numbers(parse, outline):
    document = docx.Document()
    document.add_heading("Food", level=1)
    section = document.sections[0]
    section.header.paragraphs[0].text = "For members only"
    section.footer.paragraphs[0].text = "- 2 -"
    assert outline(parse(saved(document))) == [(("Food",), "Food"), ((), "For members only")]


def test_the_strict_kind_of_the_format_is_read_too(parse, make_docx):
    strict = make_docx(PARAGRAPH, namespace="http://purl.oclc.org/ooxml/wordprocessingml/main")
    assert parse(strict).text == "A duck."


def run(text, properties=""):
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def test_notes_and_comments_stand_after_the_paragraph_they_belong_to(parse, make_docx, make_word_xml):
    def note(kind, key, words, more=""):
        return f'<w:{kind} w:id="{key}" {more}><w:p>{run(words)}</w:p></w:{kind}>'

    body = (
        f'<w:p>{run("Turnover")}<w:r><w:footnoteReference w:id="7"/></w:r>{run(" rose")}<w:r><w:endnoteReference w:id="2"/></w:r>'
        f'{run(" to ")}<w:commentRangeStart w:id="3"/>{run("a limit")}<w:commentRangeEnd w:id="3"/>'
        f'<w:r><w:commentReference w:id="3"/></w:r>{run(".")}</w:p><w:p>{run("End.")}</w:p>'
    )
    notes = {
        "footnotes": note("footnote", 0, "", 'w:type="separator"')
        + note("footnote", 7, "Gross.")
        + note("footnote", 8, "Lost."),
        "endnotes": note("endnote", 2, "In 2024."),
        "comments": note("comment", 3, "Which?", 'w:author="Ann"'),
    }
    data = make_docx(
        body,
        related=[(kind, f"{kind}.xml") for kind in notes],
        parts={f"word/{kind}.xml": make_word_xml(kind, words) for kind, words in notes.items()},
    )
    assert parse(data).text == (
        "Turnover¹ rose^(i) to a limit.\n\n¹ Gross.\n\n^(i) In 2024.\n\nComment by Ann on “a limit”: Which?\n\nEnd.\n\nLost."
    )


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        (
            run("10") + run("-", '<w:vertAlign w:val="superscript"/>') + run("6", '<w:vertAlign w:val="superscript"/>'),
            "10⁻⁶",
        ),
        (run("H") + run("2", '<w:rStyle w:val="Low"/>') + run("O"), "H₂O"),
        (
            "<w:oMath><w:sSup><w:e><w:r><w:t>10</w:t></w:r></w:e><w:sup><w:r><w:t>6</w:t></w:r></w:sup></w:sSup></w:oMath>",
            "10⁶",
        ),
        (
            f"<w:r><w:ruby><w:rt>{run('とう')}</w:rt><w:rubyBase>{run('東')}</w:rubyBase></w:ruby></w:r>" + run("へ"),
            "東(とう)へ",
        ),
        (f'<w:hyperlink r:id="r0">{run("the form")}</w:hyperlink>' + run("."), "the form (https://example.org/f)."),
        (f'<w:hyperlink w:anchor="top">{run("above")}</w:hyperlink>', "above"),
        (
            '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>HYPERLINK "mailto:a@example.org"</w:instrText></w:r>'
            f'<w:r><w:fldChar w:fldCharType="separate"/></w:r>{run("Ann")}<w:r><w:fldChar w:fldCharType="end"/></w:r>{run("!")}',
            "Ann (a@example.org)!",
        ),
        ('<w:r><w:sym w:font="Wingdings" w:char="F0FE"/><w:sym w:font="Symbol" w:char="F061"/></w:r>', "☑α"),
        (run("\uf0b3 5", '<w:rFonts w:ascii="Symbol"/>'), "≥ 5"),
        ('<w:sdt><w:sdtPr><w:checkbox><w:checked w:val="1"/></w:checkbox></w:sdtPr></w:sdt>' + run(" open"), "☒ open"),
        (
            '<w:r><w:fldChar w:fldCharType="begin"><w:ffData><w:checkBox><w:default w:val="0"/></w:checkBox></w:ffData>'
            '</w:fldChar></w:r><w:r><w:instrText> FORMCHECKBOX </w:instrText></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
            + run(" shut"),
            "☐ shut",
        ),
        (2 * f"<w:sdt><w:sdtPr/><w:sdtContent>{run('Yes')}</w:sdtContent></w:sdt>", "Yes Yes"),
    ],
)
def test_what_stands_in_a_paragraph_is_told_apart(parse, make_docx, make_word_xml, inside, shown):
    styles = '<w:style w:styleId="Low"><w:rPr><w:vertAlign w:val="subscript"/></w:rPr></w:style>'
    data = make_docx(
        f'<w:p xmlns:r="urn:r">{inside}</w:p>',
        related=[("hyperlink", "https://example.org/f"), ("styles", "styles.xml")],
        parts={"word/styles.xml": make_word_xml("styles", styles)},
    )
    assert parse(data).text == shown


def test_cells_over_columns_and_rows_stand_in_each_and_a_header_of_rows_is_one(parse, make_docx):
    def cell(text, properties=""):
        return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p>{run(text)}</w:p></w:tc>"

    wide, top, under = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = [
        cell("Sales", '<w:gridSpan w:val="3"/>'),
        cell("Region", top) + cell("2023", wide),
        cell("", under) + cell("Q1") + cell("Q2"),
        cell("North", top) + cell("1") + cell("2"),
        cell("", under) + cell("closed", wide),
    ]
    table = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    assert parse(make_docx(f"<w:tbl>{table}</w:tbl>")).text == (
        "Sales\n\n| Region | 2023 / Q1 | 2023 / Q2 |\n| North | 1 | 2 |\n| North | closed | closed |"
    )


def test_deleted_and_hidden_words_are_left_out_and_inserted_ones_kept(parse, make_docx):
    body = (
        "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
        '<w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:tab/><w:t>shown</w:t><w:br/><w:t>below</w:t></w:r></w:p>'
    )
    assert parse(make_docx(body)).text == "new\tshown\nbelow"


def test_a_paragraph_whose_end_was_deleted_goes_on_with_the_next_one(parse, make_docx):
    first = "<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>The gate </w:t></w:r></w:p>"
    body = f"{first}<w:bookmarkStart/><w:p><w:r><w:t>closes.</w:t></w:r></w:p>{first}<w:tbl/>{first}"
    assert parse(make_docx(body)).text == "The gate closes.\n\nThe gate\n\nThe gate"


def test_text_boxes_are_read_once(parse, make_docx):
    box = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
    body = (
        f"<w:p><w:r><w:t>Around.</w:t></w:r><w:r><w:AlternateContent><w:Choice>{box}</w:Choice>"
        f"<w:Fallback>{box}</w:Fallback></w:AlternateContent></w:r></w:p>"
    )
    assert parse(make_docx(body)).text == "Around.\n\nIn a box."


def test_tables_inside_tables_are_not_repeated(parse, make_docx):
    inner = f"<w:tbl><w:tr><w:tc>{PARAGRAPH}</w:tc><w:tc>{PARAGRAPH}</w:tc></w:tr></w:tbl>"
    body = f"<w:tbl><w:tr><w:tc>{inner}</w:tc><w:tc>{PARAGRAPH}</w:tc></w:tr></w:tbl>"
    assert parse(make_docx(body)).text == "| A duck. A duck. | A duck. |"


def test_embedded_files_are_counted_not_read(parse, make_docx):
    document = parse(make_docx(PARAGRAPH, parts={"word/embeddings/sheet.xlsx": "x"}))
    assert document.metadata == {"embedded_files_not_read": "1"}


def test_documents_with_a_password_are_refused(parse):
    stream_name = "EncryptedPackage".encode("utf-16-le")
    assert refusal(parse, COMPOUND_FILE + stream_name) == "encrypted_file"


@pytest.mark.parametrize(
    ("parts", "limits"),
    [
        ({"word/media/a": b"\0" * 4_000_000}, {}),
        ({"word/media/a": random.Random(1).randbytes(60_000)}, {"max_unpacked_bytes": 50_000}),
        ({f"word/media/{number}": b"" for number in range(1_001)}, {}),
        ({f"word/media/{number}": b"" for number in range(250)}, {"max_archive_members": 10}),
    ],
    ids=["ratio", "size", "members", "far too many members"],
)
def test_archives_that_unpack_to_too_much_are_refused(parse, make_docx, parts, limits):
    assert refusal(parse, make_docx(PARAGRAPH, parts=parts), **limits) == "unsafe_archive"


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY e SYSTEM "file:///etc/hostname">',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY e "&b;&b;&b;">',
    ],
    ids=["external", "growing"],
)
def test_documents_that_declare_xml_entities_are_refused(parse, make_docx, declaration):
    body = "<w:p><w:r><w:t>A duck &e;</w:t></w:r></w:p>"
    assert refusal(parse, make_docx(body, doctype=f"<!DOCTYPE d [{declaration}]>")) == "unsafe_xml"


@pytest.mark.parametrize("body", ["<w:p>", "<w:sdt>" * 400 + "</w:sdt>" * 400], ids=["unclosed", "too deep"])
def test_documents_with_broken_xml_are_refused(parse, make_docx, body):
    assert refusal(parse, make_docx(body)) == "damaged_file"


def test_documents_without_words_are_refused(parse, make_docx):
    assert refusal(parse, make_docx("<w:p/>")) == "empty_text"


def test_absurd_depths_of_lists_take_no_room(parse, make_docx):
    numbering = '<w:pPr><w:numPr><w:ilvl w:val="999999999"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    document = parse(make_docx(f"<w:p>{numbering}<w:r><w:t>A duck.</w:t></w:r></w:p>"))
    assert len(document.text) < 50


@pytest.mark.parametrize("stored", [True, False])
def test_no_damage_leads_to_anything_but_a_document_or_a_refusal(parse, make_docx, stored):
    whole = make_docx(PARAGRAPH, stored=stored)
    chance = random.Random(7)
    refused = 0
    for number in range(200):
        damaged = bytearray(whole[: len(whole) - chance.randrange(60) if number % 4 == 0 else len(whole)])
        for _ in range(4):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            parse(bytes(damaged))
        except PermanentError:
            refused += 1
    assert refused > 0


CODE = ["def f():", "    return 1", "", "f()"]
FENCED = "```\ndef f():\n    return 1\n\nf()\n```"


def with_code(document, set_in):
    """A document with a program between two sentences, of whose paragraphs `set_in` makes code."""
    document.add_paragraph("Before.")
    for line in CODE:
        set_in(document.add_paragraph(line))
    document.add_paragraph("")
    document.add_paragraph("After.")
    return saved(document)


@pytest.mark.parametrize(
    "name", ["Source Code", "Code", "HTML Preformatted", "Preformatted Text", "code block", "macro"]
)
def test_paragraphs_of_a_style_for_code_are_one_block(parse, name):
    document = docx.Document()
    style = next((style for style in document.styles if style.name == name), None)
    style = style or document.styles.add_style(name, docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)

    def set_in(paragraph):
        paragraph.style = style

    assert parse(with_code(document, set_in)).text == f"Before.\n\n{FENCED}\n\nAfter."


def in_courier(paragraph):
    for run in paragraph.runs:
        run.font.name = "Courier New"


def test_paragraphs_set_in_a_typeface_of_code_are_one_block(parse):
    assert parse(with_code(docx.Document(), in_courier)).text == f"Before.\n\n{FENCED}\n\nAfter."


def test_a_style_set_in_a_typeface_of_code_or_based_on_one_is_for_code(parse):
    document = docx.Document()
    base = document.styles.add_style("Screen", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    base.font.name = "Consolas"
    derived = document.styles.add_style("Small screen", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    derived.base_style = base

    def set_in(paragraph):
        paragraph.style = derived

    assert FENCED in parse(with_code(document, set_in)).text


def test_a_document_that_is_all_set_in_such_a_typeface_has_no_code_by_it(parse):
    document = docx.Document()
    document.styles["Normal"].font.name = "Courier New"
    assert parse(with_code(document, in_courier)).text == "Before.\n\ndef f():\n\nreturn 1\n\nf()\n\nAfter."


def test_one_word_in_such_a_typeface_makes_no_code(parse):
    document = docx.Document()
    document.add_paragraph("Call ").add_run("f()").font.name = "Consolas"
    assert parse(saved(document)).text == "Call f()"


def test_a_program_in_one_paragraph_with_line_breaks_keeps_its_lines(parse):
    document = docx.Document()
    in_courier(document.add_paragraph("if x:\n    y()"))
    assert parse(saved(document)).text == "```\nif x:\n    y()\n```"


def test_code_ends_before_a_table_and_at_the_end_of_the_body(parse):
    document = docx.Document()
    in_courier(document.add_paragraph("a = 1"))
    document.add_table(rows=1, cols=2).rows[0].cells[0].text = "Cell"
    in_courier(document.add_paragraph("b = 2"))
    assert parse(saved(document)).text == "```\na = 1\n```\n\n| Cell |  |\n\n```\nb = 2\n```"


def test_styles_are_those_of_the_document_itself_also_when_another_was_read_before(parse, outline):
    def document(name, text):
        made = docx.Document()
        made.styles.add_style("Loud", docx.enum.style.WD_STYLE_TYPE.PARAGRAPH).base_style = made.styles[name]
        made.add_paragraph(text, style="Loud")
        made.add_paragraph("Words.")
        return saved(made)

    heading, plain = document("Heading 2", "First."), document("Normal", "First.")
    for _ in range(2):
        assert outline(parse(heading)) == [(("First.",), "First.\n\nWords.")]
        assert outline(parse(plain)) == [((), "First.\n\nWords.")]


def test_styles_with_more_elements_than_may_be_held_are_refused_also_when_they_were_read_before(parse):
    document = docx.Document()
    document.add_paragraph("Words.")
    data = saved(document)
    assert parse(data).text == "Words."
    assert refusal(parse, data, max_values=500) == "too_large"
