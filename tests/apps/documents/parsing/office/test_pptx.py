import pytest

from apps.documents.parsing.types import DocumentType, Place, PlaceKind

NAMES = (
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
)


def paragraph(text, properties=""):
    return f"<a:p>{properties}<a:r><a:t>{text}</a:t></a:r></a:p>"


def shape(*paragraphs, placeholder=None):
    place = "" if placeholder is None else f'<p:ph type="{placeholder}"/>'
    return f"<p:sp><p:nvSpPr><p:nvPr>{place}</p:nvPr></p:nvSpPr><p:txBody>{''.join(paragraphs)}</p:txBody></p:sp>"


def slide(*shapes):
    return f"<p:sld {NAMES}><p:cSld><p:spTree>{''.join(shapes)}</p:spTree></p:cSld></p:sld>"


@pytest.fixture
def parse(parse_bytes, make_office):
    """Parses a presentation of these slides, the first in the file being shown last."""

    def parse_slides(*slides, parts=None, **limits):
        keys = [f'<p:sldId id="{256 + at}" r:id="r{at}"/>' for at in reversed(range(len(slides)))]
        parts = {
            "ppt/presentation.xml": f"<p:presentation {NAMES}><p:sldIdLst>{''.join(keys)}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": [("slide", f"slides/slide{at}.xml") for at in range(len(slides))],
            **{f"ppt/slides/slide{at}.xml": content for at, content in enumerate(slides)},
            **(parts or {}),
        }
        return parse_bytes(DocumentType.PPTX, make_office("ppt/presentation.xml", parts), **limits)

    return parse_slides


def test_slides_come_in_the_order_in_which_they_are_shown_under_their_titles(parse, outline):
    document = parse(
        slide(shape(paragraph("Quacking")), shape(paragraph("Voice"), placeholder="title")),
        slide(shape(paragraph("Duck"), placeholder="ctrTitle"), shape(paragraph("A bird"))),
    )
    assert outline(document) == [(("Duck",), "Duck\n\nA bird"), (("Voice",), "Voice\n\nQuacking")]
    assert [section.place for section in document.sections] == [Place(PlaceKind.SLIDE, 1), Place(PlaceKind.SLIDE, 2)]
    assert document.title == "Duck"


def test_a_slide_without_a_title_is_under_no_heading(parse, outline):
    document = parse(slide(shape(paragraph("Quacking"))), slide(shape(paragraph("Duck"), placeholder="title")))
    assert outline(document)[1] == ((), "Quacking")


def test_list_items_groups_and_tables_are_kept_and_slide_numbers_are_not(parse):
    row = "<a:tr>{}</a:tr>".format
    cell = "<a:tc><a:txBody>{}</a:txBody></a:tc>".format
    table = row(cell(paragraph("Food")) + cell(paragraph("Season"))) + row(cell(paragraph("Seeds")) + cell(""))
    document = parse(
        slide(
            shape(paragraph("Leaves"), paragraph("Small ones", '<a:pPr lvl="1"/>'), placeholder="body"),
            f"<p:grpSp>{shape(paragraph('In a group'))}</p:grpSp>",
            f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{table}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>",
            shape(paragraph("7"), placeholder="sldNum"),
        )
    )
    assert document.text == "- Leaves\n  - Small ones\n\nIn a group\n\n| Food | Season |\n| Seeds |  |"


def test_notes_and_charts_are_read_from_their_own_parts(parse):
    points = '<c:pt idx="0"><c:v>{}</c:v></c:pt>'.format
    series = (
        f"<c:ser><c:tx>{points('Ducks')}</c:tx><c:cat>{points('2024')}</c:cat><c:val>{points('180')}</c:val></c:ser>"
    )
    frame = (
        '<p:graphicFrame><a:graphic><a:graphicData><c:chart r:id="r1"/></a:graphicData></a:graphic></p:graphicFrame>'
    )
    document = parse(
        slide(frame),
        parts={
            "ppt/slides/_rels/slide0.xml.rels": [("notesSlide", "../notesSlides/n.xml"), ("chart", "../charts/c.xml")],
            "ppt/notesSlides/n.xml": slide(shape(paragraph("Say hello"), placeholder="body")),
            "ppt/charts/c.xml": f"<c:chartSpace {NAMES}><c:title>{paragraph('Counts')}</c:title>{series}</c:chartSpace>",
        },
    )
    assert document.text == "Counts\n| Ducks | 2024: 180 |\n\nSay hello"


def placed(text, *, top, left=0, height=400, kind="sp", link=""):
    frame = f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="9" cy="{height}"/></a:xfrm>'
    if kind == "grpSp":
        return f"<p:grpSp><p:grpSpPr>{frame}</p:grpSpPr>{text}</p:grpSp>"
    names = f"<p:nvSpPr><p:cNvPr>{link}</p:cNvPr><p:nvPr/></p:nvSpPr>"
    return f"<p:sp>{names}<p:spPr>{frame}</p:spPr><p:txBody>{paragraph(text)}</p:txBody></p:sp>"


def test_shapes_are_read_from_top_to_bottom_and_from_left_to_right(parse):
    layout = shape(placeholder="body").replace(
        "<p:txBody>", '<p:spPr><a:xfrm><a:off x="0" y="1500"/></a:xfrm></p:spPr><p:txBody>'
    )
    drawn = slide(
        placed("six", top=4000),
        placed(placed("four", top=90) + placed("three", top=20), top=2000, kind="grpSp"),
        placed("five", top=2050, left=900),
        placed("one", top=1000),
        shape(paragraph("two"), placeholder="body"),
    )
    parts = {
        "ppt/slides/_rels/slide0.xml.rels": [("slideLayout", "../slideLayouts/l.xml")],
        "ppt/slideLayouts/l.xml": slide(layout),
    }
    words = [line.strip("- ") for line in parse(drawn, parts=parts).text.splitlines() if line]
    assert words == ["one", "two", "three", "four", "five", "six"]


def test_numbers_links_scripts_and_symbols_are_kept(parse):
    def item(text, scheme, start="", level=0):
        given = f' startAt="{start}"' if start else ""
        return paragraph(text, f'<a:pPr lvl="{level}"><a:buAutoNum type="{scheme}"{given}/></a:pPr>')

    def run(text, properties):
        return f"<a:r><a:rPr{properties}<a:t>{text}</a:t></a:r>"

    link = '<a:hlinkClick r:id="r0"/>'
    rich = (
        run("10", "/>")
        + run("6", ' baseline="30000"/>')
        + run(" H", "/>")
        + run("2", ' baseline="-25000"/>')
        + run("O ", "/>")
        + run("the form", f">{link}</a:rPr>")
        + run("\uf0fe", '><a:latin typeface="Wingdings"/></a:rPr>')
    )
    document = parse(
        slide(
            shape(
                item("a", "arabicPeriod", "3"),
                item("b", "arabicPeriod", "3"),
                item("c", "alphaLcParenBoth", level=1),
                item("d", "arabicPeriod", "3"),
                paragraph("e"),
                item("f", "romanUcParenR"),
            ),
            f"<p:sp><p:txBody><a:p>{rich}</a:p></p:txBody></p:sp>",
            placed("button", top=9000, link=link),
        ),
        parts={"ppt/slides/_rels/slide0.xml.rels": [("hyperlink", "https://example.org/f")]},
    )
    assert document.text == (
        "3. a\n4. b\n  (a) c\n5. d\n\ne\n\nI) f\n\n10⁶ H₂O the form (https://example.org/f)☑\n\nbutton (https://example.org/f)"
    )


def test_cells_of_a_table_stand_in_all_they_span_and_comments_come_last(parse):
    def cell(text, properties=""):
        return f"<a:tc{properties}><a:txBody>{paragraph(text) if text else ''}</a:txBody></a:tc>"

    rows = [
        cell("Region", ' rowSpan="2"') + cell("2023", ' gridSpan="2"') + cell("", ' hMerge="1"'),
        cell("", ' vMerge="1"') + cell("Q1") + cell("Q2"),
        cell("North") + cell("1") + cell("2"),
    ]
    table = "".join(f"<a:tr>{row}</a:tr>" for row in rows)
    parts = {
        "ppt/slides/_rels/slide0.xml.rels": [("comments", "../comments/c.xml")],
        "ppt/comments/c.xml": f'<p:cmLst {NAMES}><p:cm authorId="1"><p:text>Is it so?</p:text></p:cm></p:cmLst>',
        "ppt/commentAuthors.xml": f'<p:cmAuthorLst {NAMES}><p:cmAuthor id="1" name="Ann"/></p:cmAuthorLst>',
    }
    frame = (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{table}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )
    assert parse(slide(frame), parts=parts).text == (
        "| Region | 2023 / Q1 | 2023 / Q2 |\n| North | 1 | 2 |\n\nComment by Ann: Is it so?"
    )


def test_a_presentation_of_too_many_slides_or_without_words_is_refused(parse, refused, make_office):
    with pytest.raises(Exception, match="2 slides"):
        parse(slide(), slide(), max_pages=1)
    with pytest.raises(Exception, match="no text"):
        parse(slide())


def test_a_missing_part_is_named(refused, make_office):
    error = refused(DocumentType.PPTX, make_office("ppt/presentation.xml", {}))
    assert error.error_code == "damaged_file"
    assert "'ppt/presentation.xml'" in error.message
