from __future__ import annotations

from apps.documents.parsing.types import Section
from apps.monitoring.workspace.reading.text import WINDOW, cut_at_lines, parts_of, window_around

TEXT = "Handbook\n\nOpening\n\nAt 07:30.\n\n| Berth | Price |\n| A | 31 |\n| B | 42 |"
SECTION = Section(0, len(TEXT), ("Handbook", "Opening"))


def marked(span: tuple[int, int] | None, text: str = TEXT, offset: int = 0) -> str:
    """All that is marked, in its order."""
    parts = parts_of(text, offset, [SECTION], span)
    blocks = [block for part in parts for block in (*(one.block for one in part.headings), *part.blocks)]
    pieces = [
        *(piece for block in blocks for piece in block.pieces),
        *(piece for block in blocks for row in (block.head, *block.rows) for cell in row for piece in cell),
    ]
    return "|".join(piece.text for piece in pieces if piece.cited)


def test_headings_stand_as_headings_and_tables_as_tables() -> None:
    (part,) = parts_of(TEXT, 0, [SECTION], None)
    assert [(one.level, one.block.pieces[0].text) for one in part.headings] == [(3, "Handbook"), (4, "Opening")]
    prose, table = part.blocks
    assert prose.pieces[0].text == "At 07:30."
    assert [[cell[0].text for cell in row] for row in (table.head, *table.rows)] == [
        ["Berth", "Price"], ["A", "31"], ["B", "42"],
    ]  # fmt: skip
    assert part.where == ""


def test_the_span_is_marked_wherever_it_runs() -> None:
    assert marked((TEXT.index("07"), TEXT.index("07") + 5)) == "07:30"
    assert marked((10, 22)) == "Opening|At "
    assert marked((TEXT.index("A |"), TEXT.index("A |") + 6)) == "A|31"
    assert marked(None) == ""


def test_a_part_that_begins_within_a_section_says_under_what_it_stands() -> None:
    offset = TEXT.index("| A")
    (part,) = parts_of(TEXT[offset:], offset, [SECTION], (TEXT.index("42"), TEXT.index("42") + 2))
    assert part.where == "Handbook › Opening"
    assert part.headings == ()
    assert marked((TEXT.index("42"), TEXT.index("42") + 2), TEXT[offset:], offset) == "42"


def test_the_window_holds_the_beginning_of_the_span_and_is_cut_at_lines() -> None:
    length = 50 * WINDOW
    for span in ((0, 10), (20_000, 20_100), (length - 5, length), (9_000, 90_000)):
        first, past = window_around(span, length)
        assert first <= span[0] < past
        assert past - first == WINDOW
    assert window_around(None, 10) == (0, 10)
    text = "one line\ntwo lines\nthree lines\n"
    assert cut_at_lines(text, 0, (4, 22)) == (9, 19)
    assert cut_at_lines("x" * 50, 100, (101, 140)) == (101, 140)
