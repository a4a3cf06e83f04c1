import pytest

from apps.documents.parsing.text.markdown import split_front_matter
from apps.documents.parsing.types import DocumentType


@pytest.fixture
def parse(parse_bytes):
    return lambda source: parse_bytes(DocumentType.MARKDOWN, source.encode())


def test_marks_are_dropped_and_headings_lead_to_sections(parse, outline):
    document = parse("# Duck\nA *bird* with [feet](http://x.y).\n\nFood\n----\n- leaves\n- `seeds`\n")
    assert document.title == "Duck"
    assert outline(document) == [
        (("Duck",), "Duck\n\nA bird with feet (http://x.y)."),
        (("Duck", "Food"), "Food\n\n- leaves\n- seeds"),
    ]


def test_tables_and_code_come_out_as_lines(parse):
    document = parse("| a | b |\n|---|---|\n| 1 | `x y` |\n\n```\n# no heading\n  indented\n```\n")
    assert document.text == "| a | b |\n| 1 | x y |\n\n```\n# no heading\n  indented\n```"


def test_code_stays_between_fences_that_nothing_in_it_can_close(parse):
    document = parse("Say:\n\n~~~python title=x\nprint('a')\n\n```\n~~~\n\n    indented\n\nEnd.\n")
    assert document.text == "Say:\n\n````python\nprint('a')\n\n```\n````\n\n```\nindented\n```\n\nEnd."


def test_words_in_angle_brackets_and_names_of_tags_stay_words(parse):
    assert parse("Open <file> or a <style> here, then <b>go</b> on.").text == (
        "Open <file> or a <style> here, then go on."
    )


def test_comments_are_left_out(parse):
    assert parse("seen <!-- not seen --> too\n\n<!--\nhidden\n-->\n").text == "seen too"


def test_front_matter_gives_the_title_and_no_text(parse):
    document = parse("---\ntitle: 'About ducks'\ntags: [a]\n---\n# Duck\ntext\n")
    assert (document.title, document.text) == ("About ducks", "Duck\n\ntext")


@pytest.mark.parametrize("source", ["# Duck\n---\nx: y\n", "--- no\nfront: matter\n---\n", "---\nnever closed\n"])
def test_rules_elsewhere_are_not_front_matter(source):
    assert split_front_matter(source) == ("", source)


def test_deep_lists_keep_their_words(parse):
    document = parse("".join(f"{'  ' * depth}- level{depth}\n" for depth in range(30)))
    assert all(f"level{depth}" in document.text for depth in range(30))
