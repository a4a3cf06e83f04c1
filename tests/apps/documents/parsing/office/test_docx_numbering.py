import pytest

from apps.documents.parsing.types import DocumentType


@pytest.fixture
def parse(parse_bytes):
    return lambda data: parse_bytes(DocumentType.DOCX, data)


def run(text):
    return f"<w:r><w:t>{text}</w:t></w:r>"


def test_paragraphs_have_the_numbers_that_word_shows(parse, make_docx, make_word_xml):
    def level(depth, notation, text, more=""):
        return (
            f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{notation}"/>{more}'
            f'<w:lvlText w:val="{text}"/></w:lvl>'
        )

    def item(text, number=None, depth=None, style=""):
        given = "".join(
            f'<w:{name} w:val="{value}"/>' for name, value in (("ilvl", depth), ("numId", number)) if value is not None
        )
        properties = f"{style and f'<w:pStyle w:val={chr(34)}{style}{chr(34)}/>'}<w:numPr>{given}</w:numPr>"
        return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"

    clauses = (
        level(0, "decimal", "§ %1", '<w:pStyle w:val="Clause"/>')
        + level(1, "decimal", "%1.%2")
        + level(2, "lowerLetter", "(%3)")
        + level(3, "upperRoman", "%4.")
        + level(4, "decimal", "%4-%5", "<w:isLgl/>")
    )
    numbering = (
        f'<w:abstractNum w:abstractNumId="1">{clauses}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="2">{level(0, "bullet", "x")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="2"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="1"/>'
        '<w:lvlOverride w:ilvl="1"><w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    )
    in_list = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = f'<w:style w:styleId="Clause"><w:name w:val="heading 1"/>{in_list}</w:style>'
    heading = '<w:p><w:pPr><w:pStyle w:val="Clause"/></w:pPr>{}</w:p>'.format
    body = (
        heading(run("Scope"))
        + item("All.", 1, 1)
        + heading(run("Payment"))
        + item("Due.", 1, 1)
        + item("bullet", 2, 0)
        + item("Late.", 1, 1)
        + item("counted", 1, 2)
        + item("at least", 1, 2)
        + item("deep", 1, 3)
        + item("deeper", 1, 4)
        + item("Again.", 3, 1)
        + item("None.", 0, 0, style="Clause").replace("Clause", "Plain")
    )
    data = make_docx(
        body,
        related=[("numbering", "numbering.xml"), ("styles", "styles.xml")],
        parts={
            "word/numbering.xml": make_word_xml("numbering", numbering),
            "word/styles.xml": make_word_xml("styles", styles),
        },
    )
    assert [line.strip() for line in parse(data).text.splitlines() if line] == [
        *("§ 1 Scope", "1.1 All.", "§ 2 Payment", "2.1 Due.", "- bullet", "2.2 Late.", "(a) counted", "(b) at least"),
        *("I. deep", "1-1 deeper", "2.5 Again.", "None."),
    ]
