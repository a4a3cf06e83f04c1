import pytest

from apps.documents.parsing.text.front_matter import FrontMatter, split_front_matter
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


def test_front_matter_gives_the_title_and_fields_and_no_text(parse):
    document = parse(
        "---\ntitle: 'About: ducks'\ntags: [a, b]\nby:\n  name: Ann\ndate: 2024-01-02\n---\n# Duck\ntext\n"
    )
    assert (document.title, document.text) == ("About: ducks", "Duck\n\ntext")
    assert document.metadata == {"tags": "a, b", "by.name": "Ann", "date": "2024-01-02"}
    assert parse('+++\ntitle = "T"\n+++\ntext').title == "T"


def test_a_file_of_nothing_but_front_matter_keeps_it_as_text(parse):
    assert parse("---\ntitle: Ducks\nkind: birds\n---\n").text == "Ducks\nkind: birds"


@pytest.mark.parametrize(
    "source",
    [
        "# Duck\n---\nx: y\n",
        "--- no\nfront: matter\n---\n",
        "---\nnever closed\n",
        "---\n\nImportant: mind the step.\n\n---\nrest\n",
        "---\nSome words.\n---\nrest\n",
        "---\n- a\n- b\n---\nrest\n",
        "---\na: [\n---\nrest\n",
        "---\na: " + "[" * 9_000 + "]" * 9_000 + "\n---\nrest\n",
        "---\na: &x [*x]\n---\nrest\n",
    ],
)
def test_rules_elsewhere_are_not_front_matter(source):
    assert split_front_matter(source) == FrontMatter(source)


def test_links_and_addresses_that_nothing_refers_to_keep_their_targets(parse):
    document = parse(
        "See [the shop](https://s.org/o), [form][f], [readme](docs/readme.md), [below](#x) and <https://a.org>.\n\n"
        "[f]: https://f.org/form-7.pdf\n[unused]: https://u.org 'Other'\n[//]: # (a comment)\n"
    )
    assert document.text == (
        "See the shop (https://s.org/o), form (https://f.org/form-7.pdf), readme (docs/readme.md), below and https://a.org."
        "\n\nOther (https://u.org)"
    )


def test_cells_beyond_the_header_of_a_table_are_kept(parse):
    table = "a | b\n--|--\nc | d | e\n| f |\n\n```\n| g |\n|---|\n| h | i |\n```\n"
    assert parse(table).text == "| a | b |  |\n| c | d | e |\n| f |  |  |\n\n```\n| g |\n|---|\n| h | i |\n```"


def test_footnotes_keep_their_words_and_marks(parse):
    document = parse("Open.[^1] Named[^n] [^a-z]\n\n[^1]: https://w.org\n[^n]: Some\n    *words*\n\n    and more\n")
    assert document.text == "Open.¹ Named[n] [^a-z]\n\n¹ https://w.org\n\n[n] Some words\n\nand more"
    assert parse("[A][a].[^1]\n\n[^1]: Note.\n[a]: https://w.org\n").text == "A (https://w.org).¹\n\n¹ Note."


@pytest.mark.parametrize(
    "source",
    [
        r"A loss $L_{a} = \sum_i w_i * x_i * y$ here",
        r"\(a_b * c_d*\)",
        "$$ - a * b = c_1 * d_1 $$",
        "__init__.py, __call__(x) and snake_case",
        "costs $5 and $6",
    ],
)
def test_formulas_and_names_with_underscores_stay_as_they_are(parse, source):
    assert parse(source.replace("$$ ", "$$\n").replace(" $$", "\n$$")).text == source


def test_lists_go_on_where_they_were_left(parse):
    assert parse("1. a\n2. b\n\nWait.\n\n3. c\n4. d\n").text == "1. a\n2. b\n\nWait.\n\n3. c\n4. d"


def test_bars_in_cells_and_raised_characters_are_kept(parse):
    document = parse("| a | 2021 |\n|---|---|\n| `x \\| y` | 10<sup>6</sup> |\n")
    assert document.text == "| a | 2021 |\n| x \\| y | 10⁶ |"


def test_deep_lists_keep_their_words(parse):
    document = parse("".join(f"{'  ' * depth}- level{depth}\n" for depth in range(30)))
    assert all(f"level{depth}" in document.text for depth in range(30))
