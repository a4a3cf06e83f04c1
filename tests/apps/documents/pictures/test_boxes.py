from __future__ import annotations

import pytest

from apps.documents.pictures.aligning import aligned
from apps.documents.pictures.boxes import (
    MOST_RECTANGLES,
    Boxes,
    Rectangle,
    boxes_packed,
    boxes_unpacked,
    rectangles_of,
)

HEIGHT, WIDTH = 0.02, 0.01


def line(characters: int, *, top: float, left: float = 0.1) -> list[Rectangle | None]:
    """Boxes of characters beside each other, and a blank without one at the end."""
    boxes = [Rectangle(left + at * WIDTH, top, left + (at + 1) * WIDTH, top + HEIGHT) for at in range(characters)]
    return [*boxes, None]


def rounded(boxes: Boxes) -> list[tuple[float, ...] | None]:
    """To what can be compared."""
    edges = [one and (one.left, one.top, one.right, one.bottom) for one in boxes]
    return [one and tuple(round(edge, 4) for edge in one) for one in edges]


def test_packed_boxes_are_the_same_to_a_hair() -> None:
    boxes = line(40, top=0.1) + line(30, top=0.9, left=0.69)
    assert rounded(boxes_unpacked(boxes_packed(boxes))) == rounded(boxes)
    assert boxes_unpacked(b"") == []


def test_a_span_is_a_rectangle_for_each_line_and_columns_stay_apart() -> None:
    boxes = line(10, top=0.1) + line(10, top=0.1, left=0.6) + line(10, top=0.13)
    assert rounded(rectangles_of(boxes, 5, len(boxes))) == [
        (0.15, 0.1, 0.2, 0.12),
        (0.6, 0.1, 0.7, 0.12),
        (0.1, 0.13, 0.2, 0.15),
    ]


def test_a_line_that_runs_down_a_turned_page_is_one_rectangle() -> None:
    column = [Rectangle(0.5, 0.1 + at * 0.01, 0.52, 0.11 + at * 0.01) for at in range(20)]
    assert rounded(rectangles_of(column, 0, 20)) == [(0.5, 0.1, 0.52, 0.3)]


@pytest.mark.parametrize(("start", "end"), [(-5, 0), (3, 3), (90, 95), (4, 2)])
def test_a_span_outside_of_the_page_covers_nothing(start: int, end: int) -> None:
    assert rectangles_of(line(10, top=0.1), start, end) == []


def test_rectangles_are_bounded_however_wild_the_boxes_are() -> None:
    wild = [Rectangle((at % 2) * 0.9, at * 1e-4, (at % 2) * 0.9 + 0.01, at * 1e-4 + 5e-5) for at in range(5_000)]
    assert len(rectangles_of(wild, 0, 5_000)) == MOST_RECTANGLES


def found(drawn: str, text: str) -> str:
    return "".join("_" if place is None else drawn[place] for place in aligned(drawn, text))


def test_blanks_that_parsing_changed_and_characters_that_show_nothing_are_passed_over() -> None:
    drawn = "Two\r\n\r\n\r\n  words\xa0here co\ufffe\r\noperate"
    assert found(drawn, "Two\n\nwords here cooperate") == "Two__words_here_cooperate"


@pytest.mark.parametrize(
    ("drawn", "text", "expected"),
    [
        ("a berth costs 31 euros", "a berth c😀sts 31 euros", "a_berth_c_sts_31_euros"),
        ("a berth c😀sts 31 euros", "a berth csts 31 euros", "a_berth_csts_31_euros"),
        ("", "nothing drawn", "_" * 13),
        ("xxxx", "nothing alike", "_" * 13),
    ],
)
def test_what_is_missing_on_one_side_does_not_shift_the_rest(drawn: str, text: str, expected: str) -> None:
    assert found(drawn, text) == expected
