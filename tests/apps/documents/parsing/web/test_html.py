import pytest

from apps.documents.parsing.types import DocumentType
from ragsite.core.errors import PermanentError


@pytest.fixture
def parse(parse_bytes):
    return lambda source: parse_bytes(DocumentType.HTML, source if isinstance(source, bytes) else source.encode())


def test_a_page_comes_out_as_sections_by_its_headings(parse, outline):
    page = parse("<title>The duck</title><h1>Duck</h1><p>A <b>bird</b>.<h3>Food</h3><div>Leaves,<br>seeds.</div>")
    assert page.title == "The duck"
    assert outline(page) == [(("Duck",), "Duck\n\nA bird."), (("Duck", "Food"), "Food\n\nLeaves,\nseeds.")]


def test_what_a_reader_does_not_see_is_left_out(parse):
    page = parse(
        "<p>seen</p><script>a()</script><style>b{}</style><!-- c --><p hidden>d</p><p style='display: none'>e</p>"
        "<div style='visibility:hidden'><p>f</p></div><template>g</template><nav>h</nav><noscript>i</noscript>tail"
    )
    assert page.text == "seen\n\ntail"


def test_tables_keep_their_header_and_rows(parse):
    page = parse(
        "<table><caption>Meals</caption><thead><tr><th>Meal<th>Time</thead>"
        "<tr><td><p>Break</p><p>fast</p><td>10:00<tr><td></td></tr><tr><td>Tea<td><ul><li>a<li>b</ul></table>after"
    )
    assert page.text == "Meals\n\n| Meal | Time |\n| Break fast | 10:00 |\n| Tea | a b |\n\nafter"


def test_tables_that_only_arrange_the_page_are_not_tables(parse, outline):
    page = parse("<table><tr><td>Menu<td><h1>Duck</h1><p>A bird.</p><table><tr><td>a<td>b</table></table>")
    assert outline(page) == [((), "Menu"), (("Duck",), "Duck\n\nA bird.\n\n| a | b |")]


def test_lists_are_lines_with_their_depth_and_numbers(parse):
    page = parse("<ol><li>one<ul><li>inner</ul><li><p>two</p><p>more</p></ol><p>end")
    assert page.text == "1. one\n  - inner\n2. two\nmore\n\nend"


def test_preformatted_text_keeps_its_lines_between_fences(parse):
    assert parse("<p>code:</p><pre>if x:\n    y()\n</pre>").text == "code:\n\n```\nif x:\n    y()\n```"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("<pre><code class='hljs language-c++'>a;</code></pre>", "```c++\na;\n```"),
        ("<pre class='language-html'>&lt;p&gt;</pre>", "```html\n<p>\n```"),
        ("<pre><code class='language-x y'>a</code></pre>", "```x\na\n```"),
        ("<pre><code class='language-```'>a</code></pre>", "```\na\n```"),
        ("<pre><div>one</div><div>two<br>2</div><ol><li>three</ol></pre>", "```\none\ntwo\n2\nthree\n```"),
        ("<pre>a <b>b</b> <span class=lineno>7</span>c</pre>", "```\na b c\n```"),
        ("<pre>\n\n  a</pre>", "```\n  a\n```"),
        ("<pre>a ``` b ```` c</pre>", "`````\na ``` b ```` c\n`````"),
        ("<pre> \n </pre>end", "end"),
        ("<pre>a<pre>b</pre>c</pre>end", "```\na\nb\nc\n```\n\nend"),
        ("<pre>never closed", "```\nnever closed\n```"),
    ],
)
def test_code_is_fenced_whatever_marks_it_up(parse, code, expected):
    assert parse(code).text == expected


def test_code_in_a_list_stands_below_its_item(parse):
    page = parse("<ol><li>Do<pre>x\n  y</pre><li><pre>z</pre><li>End</ol>")
    assert page.text == "1. Do\n\n```\nx\n  y\n```\n\n2.\n\n```\nz\n```\n\n3. End"


def test_code_beside_its_line_numbers_is_no_table(parse):
    page = parse("<table><tr><td class='linenos'><pre>1\n2</pre><td class='code'><pre>a\nb</pre></table>")
    assert page.text == "```\na\nb\n```"


def test_code_in_the_cells_of_a_table_leaves_it_a_table(parse):
    page = parse("<table><tr><th>Name<th>Use<tr><td>cp<td><pre>cp a\n b</pre></table>")
    assert page.text == "| Name | Use |\n| cp | cp a b |"


def test_a_page_that_is_one_preformatted_text_is_no_code(parse, outline):
    lines = "\n".join(f"Line {number}" for number in range(102))
    assert parse(f"<pre>{lines}</pre>").text == lines
    assert parse(f"<pre><code>{lines}</code></pre>").text == f"```\n{lines}\n```"
    page = parse("<pre><span><h2>1. Scope</h2></span>  All of\n  it.\n</pre>")
    assert outline(page) == [(("1. Scope",), "1. Scope\n\n  All of\n  it.")]


def test_lists_are_numbered_as_the_page_says(parse):
    page = parse(
        "<ol start=12><li>a<li value=20>b<li>c</ol><ol type=A start=26><li>d<li>e</ol><ol reversed><li>f<li>g</ol>"
        "<ol style='list-style-type: lower-roman' start=4><li>h</ol><ol start=x><li>i</ol>"
    )
    assert page.text.split("\n") == ["12. a", "20. b", "21. c", "Z. d", "AA. e", "2. f", "1. g", "iv. h", "1. i"]
    assert parse("<table><tr><td>x<td><ol start=3><li>a<li>b</ol></table>").text == "| x | 3. a 4. b |"


def test_cells_stand_in_every_row_that_they_span_under_their_columns(parse):
    page = parse(
        "<table><tr><th>Region<th>Site<th>Phone<tr><td rowspan=2>North<td>Aalen<td>11<tr><td>Borg<td>22"
        "<tr><td>&nbsp;<tr><td colspan=2>All<td>33<tr><td colspan=99>Total 66</table>"
    )
    assert page.text.split("\n") == [
        "| Region | Site | Phone |",
        "| North | Aalen | 11 |",
        "| North | Borg | 22 |",
        "| All |  | 33 |",
        "| Total 66 |  |  |",
    ]


@pytest.mark.parametrize(
    "head",
    [
        "<thead><tr><th rowspan=2>Site<th colspan=2>2023<tr><th>Day<th>Night</thead>",
        "<tr><th rowspan=2>Site<th colspan=2>2023<tr><th>Day<th>Night",
        "<tr><td rowspan=2>Site<td colspan=2>2023<tr><td>Day<td>Night",
        "<thead><tr><th colspan=3>Costs<tr><td rowspan=2>Site<td colspan=2>2023<tr><td>Day<td>Night</thead>",
    ],
)
def test_several_rows_of_headers_become_one_which_goes_along_with_each_piece(parse, head):
    page = parse(f"<table>{head}<tbody><tr><td>Aalen<td>1<td>2<tr><th colspan=3>South<tr><td>Borg<td>3<td>4</table>")
    assert page.text.removeprefix("Costs\n\n").split("\n") == [
        "| Site | 2023 / Day | 2023 / Night |",
        "| Aalen | 1 | 2 |",
        "| South |  |  |",
        "| Borg | 3 | 4 |",
    ]


def test_merged_cells_cannot_make_a_table_without_end(refused):
    source = "<table><tr>" + "<td rowspan=65000>x" * 900 + "<tr><td>y" * 3_000 + "</table>"
    assert refused(DocumentType.HTML, source.encode()).error_code == "too_large"


def test_bars_within_a_cell_part_no_cells(parse):
    assert parse("<table><tr><th>Command<th>Use<tr><td>ls | wc<td>count</table>").text.endswith("| ls \\| wc | count |")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("in the <a href='https://b.org/o'>shop </a>now", "in the shop (https://b.org/o) now"),
        (
            "<a href='https://b.org/'>b.org</a>, <a href='#x'>here</a>, <a href='javascript:x()'>run</a>",
            "b.org, here, run",
        ),
        (
            "<a href='mailto:ann@b.org?subject=x'>Ann</a> <a href='mailto:a@b.org'>a@b.org</a>",
            "Ann (ann@b.org) a@b.org",
        ),
        ("<a href='/forms/a.pdf'>form</a> <a href='/wiki/Duck'>duck</a>", "form (/forms/a.pdf) duck"),
        ("<a href=https://a.org>A</a><a href=https://b.org>B</a>.", "A (https://a.org) B (https://b.org)."),
        ("<a href=https://a.org><img alt=Logo src=x></a>", "Logo (https://a.org)"),
    ],
)
def test_links_say_where_they_lead(parse, source, expected):
    assert parse(f"<p>{source}</p>").text == expected


def test_the_address_of_a_heading_or_of_whole_blocks_stands_below_them(parse, outline):
    page = parse("<h1><a href=https://a.org>News</a></h1><a href=https://b.org><div>Card</div><p>words</p></a>")
    assert outline(page) == [(("News",), "News\n\n→ (https://a.org)\n\nCard\n\nwords\n\n→ (https://b.org)")]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("10<sup>6</sup>, H<sub>2</sub>O, Turnover<sup><a href='#n'>1</a></sup> rose", "10⁶, H₂O, Turnover¹ rose"),
        ("<math><msup><mn>10</mn><mn>6</mn></msup></math>", "10⁶"),
        ("<math><mfrac><mn>1</mn><mrow><mi>x</mi><mo>+</mo><mn>2</mn></mrow></mfrac></math>", "1/(x+2)"),
        ("<q>no</q> she said", "“no” she said"),
        ("<ruby>図<rp>(</rp><rt>と</rt><rp>)</rp>書<rt>しょ</rt></ruby>は", "図書(としょ)は"),
        ("<ruby>東京<rt>とうきょう</rt></ruby><ruby>駅<rt>えき</rt></ruby>から", "東京駅(とうきょうえき)から"),
        ("<ruby>汉<rt>hàn</rt>字<rt>zì</rt></ruby>好", "汉字(hàn zì)好"),
        ("<ruby><rb>旧<rb>山<rt>jiù<rt>shān<rtc>SF</ruby>!", "旧山(jiù shān, SF)!"),
    ],
)
def test_raised_and_lowered_characters_and_readings_leave_words_whole(parse, source, expected):
    assert parse(f"<p>{source}</p>").text == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<button>Save</button><button>Cancel</button>, <kbd>Ctrl</kbd>+<kbd>C</kbd>.", "Save Cancel, Ctrl + C."),
        ("<label><input type=checkbox checked>Paid</label><input type=checkbox>Sent", "☑ Paid ☐ Sent"),
        ("<input type=radio checked>Yes<input type=radio>No<input type=hidden value=x>", "◉ Yes ○ No"),
        ("Fee<input value=20><select><option>EUR<option selected>USD</select>due", "Fee 20 ☐ EUR ☑ USD due"),
        ("<i role=checkbox aria-checked=true></i>Done", "☑ Done"),
        ("a<span style='display: inline-block'>b</span>c <span class=badge>new</span>item", "a b c new item"),
        ("<span style='display:flex'><b>x</b><b>y</b></span>", "x y"),
        ("<b>Java</b><b>Script</b>", "JavaScript"),
        ("<font face=Wingdings>þ</font> Paid <span style='font-family: Symbol'>a</span>", "☑ Paid α"),
    ],
)
def test_controls_show_their_values_and_do_not_run_together(parse, source, expected):
    assert parse(f"<p>{source}</p>").text == expected


def test_neighbours_in_cells_and_menus_do_not_run_together(parse):
    page = parse(
        "<table><tr><td><span>open</span><span>late</span><td><span>東</span><span>京</span></table><a>A</a><a>B</a>"
    )
    assert page.text == "| open late | 東京 |\n\nA B"


def test_pictures_stand_for_their_description(parse):
    assert parse('<p>See <img src="x" alt="a duck"> here</p>').text == "See a duck here"


@pytest.mark.parametrize(
    "data",
    [
        "<meta charset='utf-8'><p>größer</p>".encode(),
        "<p>größer</p>".encode("utf-16"),
        "<meta http-equiv=content-type content='text/html; charset=iso-8859-15'><p>größer</p>".encode("iso-8859-15"),
        b"<?xml version='1.0' encoding='iso-8859-1'?><html><meta charset=latin1><p>gr\xf6\xdfer</p></html>",
    ],
)
def test_the_encoding_is_found_by_mark_or_declaration(parse, data):
    assert parse(data).text == "größer"


def test_entities_that_a_page_declares_are_not_expanded(parse):
    page = parse('<!DOCTYPE html [<!ENTITY a "bomb"><!ENTITY b SYSTEM "file:///etc/hostname">]><p>&a;&b; text</p>')
    assert page.text.endswith("&a;&b; text")


def test_nesting_beyond_what_can_be_read_is_refused_rather_than_cut(parse):
    with pytest.raises(PermanentError) as caught:
        parse("<div>" * 100_000 + "lost words")
    assert caught.value.error_code == "damaged_file"


def test_deep_but_readable_nesting_loses_nothing(parse):
    assert parse("<div>" * 1_500 + "found words" + "</div>" * 1_500).text == "found words"


def test_what_stands_behind_the_end_of_the_page_is_kept(parse):
    assert parse("<html><body>a</body>b</html>\n<p>c <b>d</b>").text == "a\n\nb\n\nc d"


@pytest.mark.parametrize("source", ["<p></p>", " ", "<title>only a title</title>", "<!-- x -->"])
def test_a_page_without_words_is_refused(parse, source):
    with pytest.raises(PermanentError) as caught:
        parse(source)
    assert caught.value.error_code == "empty_text"
