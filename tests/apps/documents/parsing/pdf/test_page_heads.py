import pytest

from apps.documents.parsing.pdf.page_heads import LONGEST, page_head

PROSE = "Founded in 1982, the company is one of the largest makers of lamps for harbours, and sells them all over the world."


@pytest.mark.parametrize(
    ("text", "head"),
    [
        (
            f"CONSOLIDATED BALANCE SHEETS\n(in millions)\n\n| Cash | 12 |\n{PROSE}",
            "CONSOLIDATED BALANCE SHEETS (in millions)",
        ),
        (f"NOTE 7. LAMPS\nLamps in use\n{PROSE}", "NOTE 7. LAMPS Lamps in use"),
        (f"_____________\n\nItem 2.  Properties\n{PROSE}", "Item 2. Properties"),
        ("A\nB\nC\nD", "A B C"),
        ("SIGNED BY ALL.\nthe end", "SIGNED BY ALL."),
    ],
)
def test_the_short_lines_at_the_top_are_the_head(text, head):
    assert page_head(text) == head


@pytest.mark.parametrize(
    "text",
    [
        "",
        PROSE,
        "and goes on here\nHeading",
        "• an item\nHeading",
        "| Year | 2022 |",
        "It ended here.\nHeading",
        "- an item",
    ],
)
def test_a_page_that_begins_otherwise_has_none(text):
    assert page_head(text) == ""


def test_a_head_is_not_longer_than_a_heading():
    assert len(page_head("\n".join(["Harbour masters and their lamps " * 2 + "of the North"] * 3))) <= LONGEST
