from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from apps.retrieval.answers.links import links_safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Click [here](javascript:alert(1)) now.", "Click [here] (javascript:alert(1)) now."),
        ("[x](JaVaScRiPt:alert`1`)", "[x] (JaVaScRiPt:alert`1`)"),
        ("[x](<javascript:alert(1)>)", "[x] (< javascript:alert(1)>)"),
        ("[x](  javascript:y 'title')", "[x] (  javascript:y 'title')"),
        ("[x](javascript&colon;alert(1))", "[x] (javascript&colon;alert(1))"),
        ("[x](&#106;avascript:y)", "[x] (&#106;avascript:y)"),
        (r"[x](javascript\:y)", r"[x] (javascript\:y)"),
        ("[x](<java\tscript:y>)", "[x] (< java\tscript:y>)"),
        ("[x](\x01javascript:y)", "[x] (\x01javascript:y)"),
        ("![x](data:text/html;base64,PHM+)", "! [x] (data:text/html;base64,PHM+)"),
        ("[x](vbscript:y) [z](file:///etc/passwd)", "[x] (vbscript:y) [z] (file:///etc/passwd)"),
        ("see <javascript:alert(1)>", "see < javascript:alert(1)>"),
        ("[x]\n\n[x]: javascript:y", "[x]\n\n[x] : javascript:y"),
    ],
)
def test_a_link_to_an_unsafe_address_is_disabled(text: str, shown: str) -> None:
    assert links_safe(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![map](https://example.com/map.png)", "! [map](https://example.com/map.png)"),
        ("![map][1]", "! [map][1]"),
        ('See <img src="https://example.com/?q=1"> it', 'See < img src="https://example.com/?q=1"> it'),
        ("<IFRAME src=//example.com>", "< IFRAME src=//example.com>"),
        ("</style><svg/onload=x>", "< /style>< svg/onload=x>"),
    ],
)
def test_an_answer_loads_nothing(text: str, shown: str) -> None:
    assert links_safe(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Wow! [It] is <b>so</b>, if i < imgs and a<b.",
        "The [lease](https://example.com/lease?a=1&b=2#c) ends (in May).",
        "[mail](mailto:ada@example.com), [call](tel:+123), [page](docs/a.md), [part](#part), [root](/x)",
        "<https://example.com> and <ada@example.com>",
        "The call f[0](x) and matrix[i](j) stay.",
        "a < b, [c], (d): javascript: is a word here",
        "[x]: https://example.com 'title'",
        "",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert links_safe(text) == text


PIECES = st.sampled_from(
    [
        "[",
        "]",
        "](",
        "(",
        ")",
        "<",
        ">",
        "!",
        "javascript:",
        "java",
        "script",
        ":",
        "x",
        " ",
        "\n",
        "\\",
        "'t'",
        "&colon;",
        "&#58;",
        "\t",
    ]
)


def addresses(text: str) -> list[str]:
    """Where the links of a text lead, read as Markdown by a parser that forbids none."""
    parser = MarkdownIt()
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    inline = [child for token in parser.parse(text) for child in token.children or ()]
    return [str(child.attrs.get("href", child.attrs.get("src", ""))) for child in inline if child.attrs]


SOME = st.lists(PIECES, max_size=4).map("".join)
LINKS = st.one_of(
    st.tuples(SOME, st.just("["), SOME, st.just("]("), SOME, st.just("javascript:"), SOME, st.just(")"), SOME),
    st.tuples(SOME, st.just("[x]\n\n[x]:"), SOME, st.just("javascript:"), SOME),
    st.tuples(SOME, st.just("<javascript:"), SOME, st.just(">"), SOME),
).map("".join)


@settings(max_examples=400)
@given(LINKS)
def test_a_markdown_parser_finds_no_link_to_a_script(text: str) -> None:
    assert not any(address.lower().lstrip().startswith("javascript:") for address in addresses(links_safe(text)))


def test_the_parser_would_find_one() -> None:
    assert addresses("[x](javascript:y)") == ["javascript:y"]
