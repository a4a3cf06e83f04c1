"""Whatever stands where: nothing of a page is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.documents.parsing.pdf.layout import read_in_order
from apps.documents.parsing.pdf.letters import Box, Line, Piece
from apps.documents.parsing.pdf.tables import Block, Splits, Table

WHOLE = Splits(numbers=lambda piece: [piece], words=lambda piece: [piece], figures=lambda piece: [piece])
WORDS = st.sampled_from(
    [
        "Total",
        "Year ended",
        "2023",
        "2022",
        "$",
        "1,234",
        "(7)",
        "—",
        "(in millions)",
        "28,",
        "net of tax",
        "Revenue:",
        "16 %",
        "a sentence of more words.",
    ]
)
COLUMNS = st.sampled_from([60, 75, 200, 260, 320, 330, 400, 470])


@st.composite
def pages(draw: st.DrawFn) -> tuple[list[Line], str]:
    """Lines of pieces in columns, and at times between them, drawn downwards or here and there."""
    text, lines = "", []
    heights = draw(st.lists(st.integers(5, 60), min_size=1, max_size=25))
    for number, height in enumerate(heights):
        y = 800 - 13 * (height if draw(st.booleans()) else number)
        line = []
        for x in sorted(draw(st.lists(COLUMNS, min_size=1, max_size=5, unique=True))):
            word = draw(WORDS)
            box = Box(x, y, x + 5.5 * len(word), y + 8)
            line.append(Piece(len(text), len(text) + len(word), box, (box,)))
            text += word + " "
        lines.append(tuple(line))
    return lines, text


def pieces_of(block: Block) -> list[Piece]:
    if not isinstance(block, Table):
        return list(block)
    rows = [piece for row in block.rows for cell in row.cells for piece in cell]
    return rows + [piece for cell in block.head for name in cell for piece in name]


@settings(max_examples=400, deadline=None)
@given(pages())
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
