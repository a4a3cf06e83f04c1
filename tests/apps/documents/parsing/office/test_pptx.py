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


def test_a_presentation_of_too_many_slides_or_without_words_is_refused(parse, refused, make_office):
    with pytest.raises(Exception, match="2 slides"):
        parse(slide(), slide(), max_pages=1)
    with pytest.raises(Exception, match="no text"):
        parse(slide())


def test_a_missing_part_is_named(refused, make_office):
    error = refused(DocumentType.PPTX, make_office("ppt/presentation.xml", {}))
    assert error.error_code == "damaged_file"
    assert "'ppt/presentation.xml'" in error.message
