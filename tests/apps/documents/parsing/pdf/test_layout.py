"""Whatever stands where: nothing of a page is lost."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.documents.parsing.pdf.layout import read_in_order
from apps.documents.parsing.pdf.letters import Box, Line, Piece
from apps.documents.parsing.pdf.tables import Block, Splits, Table

WHOLE = Splits(numbers=lambda piece: [piece], words=lambda piece: [piece], figures=lambda piece: [piece])
NAMES = st.sampled_from(
    [
        "Year ended",
        "2023",
        "2022",
        "(1)",
        "(in millions)",
        "28,",
        "net of tax",
        "Revenue:",
        "As of",
        "a sentence of many more words.",
    ]
)
FIGURES = st.sampled_from(["$", "1,234", "(7)", "—", "16 %", "$ 5", "none"])
LABELS = st.sampled_from(["Total", "Revenue:", "net of tax", "Net change in all of", "", "99"])
COLUMNS = (200, 270, 340, 410)


class Drawn:
    """A page on the way: its text, and its lines as they are drawn."""

    def __init__(self) -> None:
        self.text = ""
        self.lines: list[Line] = []

    def line(self, y: float, words: Sequence[tuple[float, str]]) -> None:
        line = []
        for x, word in words:
            box = Box(x, y, x + 5 * len(word), y + 8)
            line.append(Piece(len(self.text), len(self.text) + len(word), box, (box,)))
            self.text += word + " "
        if line:
            self.lines.append(tuple(line))


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Line], str]:
    """Tables of figures, with names of columns here and there above them, some drawn one by one."""
    page, y = Drawn(), 800.0
    for _ in range(draw(st.integers(1, 2))):
        names = draw(
            st.lists(st.tuples(st.integers(0, 4), st.sampled_from([60, 150, *COLUMNS, 430]), NAMES), max_size=9)
        )
        for level, x, word in sorted(names) if draw(st.booleans()) else names:
            page.line(y - 11 * level, [(x, word)])
        y -= 60
        labels = draw(st.sampled_from([LABELS, FIGURES]))
        for _ in range(draw(st.integers(1, 6))):
            cells = [(60.0, draw(labels)), *((x, draw(FIGURES)) for x in COLUMNS if draw(st.integers(0, 5)))]
            page.line(y, [(x, word) for x, word in cells if word])
            y -= 13
    return page.lines, page.text


def drawn(*lines: tuple[float, Sequence[tuple[float, str]]]) -> tuple[list[Line], str]:
    page = Drawn()
    for y, words in lines:
        page.line(y, words)
    return page.lines, page.text


NO_LABELS = drawn(
    (767, [(60, "Year ended")]),
    (767, [(150, "Year ended")]),
    (767, [(200, "Revenue:")]),
    (740, [(60, "1,234"), (200, "$"), (410, "1,234")]),
    (727, [(60, "$"), (340, "1,234"), (410, "1,234")]),
    (714, [(60, "$")]),
    (701, [(60, "$")]),
    (688, [(60, "1,234"), (410, "$")]),
)
"""A line that ends as labels do, above a table that has none."""


def pieces_of(block: Block) -> list[Piece]:
    if not isinstance(block, Table):
        return list(block)
    rows = [piece for row in block.rows for cell in row.cells for piece in cell]
    return rows + [piece for cell in block.head for name in cell for piece in name]


@settings(max_examples=300, deadline=None)
@given(pages())
@example(NO_LABELS)
def test_every_character_is_in_a_line_or_a_table(page: tuple[list[Line], str]) -> None:
    lines, text = page
    covered = {
        at
        for block in read_in_order(lines, text, WHOLE)
        for piece in pieces_of(block)
        for at in range(piece.start, piece.end)
    }
    assert {at for at, character in enumerate(text) if not character.isspace()} <= covered


@settings(max_examples=200, deadline=None)
@given(pages())
def test_rows_and_heads_of_a_table_have_as_many_cells(page: tuple[list[Line], str]) -> None:
    for block in read_in_order(*page, WHOLE):
        if isinstance(block, Table):
            assert len({len(row.cells) for row in block.rows} | ({len(block.head)} if block.head else set())) == 1
