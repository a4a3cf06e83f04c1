from __future__ import annotations

import pytest

from apps.retrieval.answers.table_heads import Before, head_of, heads_read, table_head
from apps.retrieval.pipeline import ask, retrieve
from apps.retrieval.search.request import SearchRequest
from tests import factories as make
from tests.acting import ACTOR

HEAD = ("Item", "Price")
ROWS = "".join(f"| Bolt number {number} galvanised | {number}.50 |\n" for number in range(1, 200))


@pytest.mark.parametrize(
    ("before", "beginning", "head"),
    [
        ("Prices.\n\n| Item | Price |\n| Bolt | 1 |\n", "", HEAD),
        ("| Bolt | 1 |\n| Nut | 2 |\n", "Prices\n\n| Item | Price |\n", HEAD),
        ("Prices of today.\n", "Prices\n| Item | Price |\n", ()),
        ("| Bolt | 1 |\n", "No table here.", ()),
    ],
)
def test_the_head_is_the_first_row_of_the_table_that_goes_on(
    before: str, beginning: str, head: tuple[str, ...]
) -> None:
    assert head_of(before, beginning) == head


@pytest.mark.django_db
def test_a_row_deep_in_a_long_table_is_told_with_the_names_of_its_columns() -> None:
    base = make.ready_version(content=f"# Prices\n\n| Item | Price |\n|---|---|\n{ROWS}").document.knowledge_base
    request, scope = SearchRequest("What is the price of bolt number 187?"), make.scope(base)
    found = retrieve(request, scope=scope, deadline=make.soon())
    cut = [one for one in found.passages if "number 187 " in one.text]
    assert heads_read(cut, scope)[cut[0].chunk_id].cells == HEAD
    answer = ask(request, scope=scope, actor=ACTOR, deadline=make.soon())
    assert answer.text == "Bolt number 187 galvanised · Price: 187.50"


def test_a_head_says_where_it_stands_and_what_the_line_above_says() -> None:
    text = "Prices of bolts, in euros:\n\n| Item | Price |\n| Steel: | |\n| Bolt | 1 |\n"
    head = table_head(Before(20, text))
    assert head is not None
    assert head.group is not None
    assert (head.cells, head.above) == (HEAD, "Prices of bolts, in euros:")
    assert text[head.names.start - 20 :].startswith(head.names.text)
    assert text[head.group.start - 20 :].startswith("| Steel: | |")


def test_a_head_at_the_beginning_of_a_section_stands_there() -> None:
    head = table_head(Before(9_000, "| Bolt | 1 |\n", 100, "Prices\n\n| Item | Price |\n| Nut | 1 |\n"))
    assert head is not None
    assert (head.names.start, head.names.text, head.above) == (108, "| Item | Price |", "Prices")
