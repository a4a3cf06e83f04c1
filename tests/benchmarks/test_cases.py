"""What the cases' checks take for right: a text however it is marked up, a row however it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases.__main__ import Judged, figures
from benchmarks.cases.checks import Case, OrderCheck, RowCheck, TextCheck, UploadCheck, cases_of
from benchmarks.cases.rows import wrong_row
from benchmarks.cases.texts import wrong_order, wrong_words

UNDER = {"Ann": ["Name"], "3": ["Hours"]}
MARKDOWN = "| Place | Name | Hours |\n|---|---|---|\n| Hall | Ann | 3 |"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The **duck**\nswims", "The duck swims"),
        ("2 \\* 3 &lt; 7", "2 * 3 < 7"),
        ("Cafe\u0301 at\u00ad\u200bnine", "Caf\u00e9 atnine"),
        ("10⁶", ["10^6", "10⁶"]),
        ("see 2.1) Scope", {"re": r"2\.1\W{1,4}Scope"}),
    ],
)
def test_a_text_contains_what_a_reader_of_markdown_or_html_would_read(text: str, wanted: Any) -> None:
    assert wrong_words(text, [wanted]) == ""
    assert wrong_words(text, [], [wanted]) != ""


def test_what_is_missing_and_what_should_not_be_there_is_named() -> None:
    assert wrong_words("a duck", ["goose"], ["duck"]) == "lacks 'goose'; has 'duck'"


def test_texts_are_in_order_if_each_stands_behind_the_one_before() -> None:
    assert wrong_order("*one*, two, three", ["one", "two", "three"]) == ""
    assert wrong_order("one, three, two", ["one", "two", "three"]) == "'three' is missing or stands too early"


@pytest.mark.parametrize(
    "text",
    [
        MARKDOWN,
        "Place;Name;Hours\nHall;Ann;3",
        'Place,Name,Hours\n"Hall, small",Ann,3',
        "Place\tName\tHours\nHall\tAnn\t3",
        "Place    Name    Hours\n\nHall     Ann     3",
        "Place: Hall; Name: Ann; Hours: 3",
        "| Place | | |\n| of work | Name | Hours |\n|---|---|---|\n| Hall | Ann | 3 |",
    ],
)
def test_a_row_is_under_its_headers_in_each_way_of_writing_tables(text: str) -> None:
    assert wrong_row(text, ["Ann", "3"], UNDER, whole=True) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (MARKDOWN.replace("Name | Hours", "Hours | Name"), "is not under"),
        ("| Name | Hours |\n\n" + MARKDOWN.replace("Name | Hours", "Who | Time"), "is not under"),
        (MARKDOWN.replace("Ann | 3", "3 | Ann"), "there is no row"),
        (MARKDOWN.replace("Ann | 3", "Anna | 33"), "there is no row"),
        (MARKDOWN.replace("Ann | 3", "Ann \\| 3"), "there is no row"),
    ],
)
def test_a_row_is_wrong_under_other_headers_in_another_order_and_in_parts_of_cells(text: str, reason: str) -> None:
    assert reason in wrong_row(text, ["Ann", "3"], UNDER, whole=True)


def test_cases_are_read_from_folders_and_narrowed_by_their_names(tmp_path: Path) -> None:
    for name in ("02-rows", "01-texts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "expect.json").write_text(json.dumps([{"kind": "order", "file": "a.md", "texts": ["x"]}]))
        (tmp_path / name / "a.md").write_text("x")
    cases = cases_of(tmp_path)
    assert [case.name for case in cases] == ["01-texts", "02-rows"]
    assert [path.name for path in cases[0].files] == ["a.md"]
    assert cases_of(tmp_path, ["rows"]) == [Case(tmp_path / "02-rows", (OrderCheck(file="a.md", texts=["x"]),))]


def test_a_field_that_no_check_of_the_kind_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "expect.json").write_text('[{"kind": "text", "file": "a.md", "contain": ["x"]}]')
    with pytest.raises(TypeError, match="contain"):
        cases_of(tmp_path)


def test_figures_count_checks_and_whole_cases_and_those_of_a_parser_alone() -> None:
    text, row, upload = TextCheck(file="a"), RowCheck(file="a", cells=["b"]), UploadCheck(steps=[], expects=[])
    found = figures([Judged("one", text, ""), Judged("one", upload, "409"), Judged("two", row, "")])
    assert found == {
        "checks": 3,
        "passed": 2,
        "share": 0.6667,
        "cases": 2,
        "cases_whole": 1,
        "by_kind": {
            "text": {"checks": 1, "passed": 1},
            "upload": {"checks": 1, "passed": 0},
            "row": {"checks": 1, "passed": 1},
        },
        "parse_level": {"checks": 2, "passed": 2, "share": 1.0, "cases": 2, "cases_whole": 2},
    }
