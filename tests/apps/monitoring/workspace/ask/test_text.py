"""A passage's text is cut where something is shown otherwise, and nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest

from apps.monitoring.workspace.ask.asked_words import asked_words
from apps.monitoring.workspace.ask.scores import figures_said, scores_said, waterfall
from apps.monitoring.workspace.ask.text import Block, Piece, Quote, blocks_of
from apps.retrieval.doors.search_shapes import ScoresOut

TEXT = "A berth costs 31 euros. Guests pay at the office."


def scores(**known: Any) -> ScoresOut:
    return ScoresOut.model_validate(dict.fromkeys(ScoresOut.model_fields) | {"name_words": []} | known)


def pieces(*blocks: Block) -> list[Piece]:
    return [piece for block in blocks for piece in block.pieces]


def rows(block: Block) -> list[list[str]]:
    return [["".join(piece.text for piece in cell) for cell in row] for row in block.rows]


def test_the_words_of_the_question_stand_out_in_any_of_their_forms() -> None:
    found = pieces(*blocks_of(TEXT, question="What does the cost of berths depend on?"))
    assert [one.text for one in found if one.is_word] == ["berth", "costs"]
    assert "".join(one.text for one in found) == TEXT


def test_quotes_that_overlap_are_marked_each_and_begin_once() -> None:
    found = pieces(*blocks_of(TEXT, question="", quotes=[Quote(1, 0, 23), Quote(2, 8, 30)]))
    assert [(one.text, one.cited, one.first_of) for one in found] == [
        ("A berth ", (1,), (1,)),
        ("costs 31 euros.", (1, 2), (2,)),
        (" Guests", (2,), ()),
        (" pay at the office.", (), ()),
    ]


def test_rows_are_a_table_with_its_head_and_what_is_quoted_in_a_cell_is_marked() -> None:
    text = "Prices\n| Boat | Euros |\n|---|---|\n| Small | 31 |\n| Large |  |\nPer night."
    first, table, last = blocks_of(
        text, question="small boats", quotes=[Quote(1, text.index("31"), text.index("31") + 2)]
    )
    assert ["".join(piece.text for piece in cell) for cell in table.head] == ["Boat", "Euros"]
    assert rows(table) == [["Small", "31"], ["Large", ""]]
    assert table.rows[0][1] == (Piece("31", (1,), (1,)),)
    assert table.rows[0][0] == (Piece("Small", is_word=True),)
    assert [one.text for one in pieces(first, last)] == ["Prices", "Per night."]


def test_what_begins_within_a_table_has_no_head() -> None:
    (table,) = blocks_of("| Small | 31 |\n| Large | 44 |", question="", is_beginning=False)
    assert (table.head, rows(table)) == ((), [["Small", "31"], ["Large", "44"]])


def test_scores_are_said_by_their_ranks_and_never_as_a_share_of_the_best() -> None:
    both = scores(dense=0.712, dense_rank=2, lexical=8.3, lexical_rank=1, fused=1.0, fused_rank=1)
    assert scores_said(both) == "by meaning 0.71, rank 2 · by words rank 1"
    assert (
        scores_said(scores(dense=0.4, lexical=2.0, lexical_rank=3))
        == "by meaning 0.40, found by words alone · by words rank 3"
    )
    assert (
        scores_said(scores(dense=0.4, dense_rank=1, lexical=0.0)) == "by meaning 0.40, rank 1 · found by meaning alone"
    )
    assert scores_said(scores(rerank=0.9, rerank_rank=1)) == "reranked 0.90, rank 1"
    assert scores_said(None) == ""


def test_why_a_document_was_preferred_and_what_gave_way_is_said() -> None:
    named = scores(dense=0.4, dense_rank=1, named=1.0, name_words=["adobe", "2022"], page_rank=2)
    assert scores_said(named) == "by meaning 0.40, rank 1 · its name has: adobe, 2022 · passage 2 of its page"
    assert figures_said(named) == "cosine 0.400 · name 1.000"
    assert scores_said(scores(named=0.0, page_rank=1)) == ""


def test_the_waterfall_has_each_step_after_the_one_before() -> None:
    bars = waterfall({"generate": 75.0, "embed": 25.0})
    assert [(one.name, one.x, one.width) for one in bars] == [
        ("embed", "0.00", "25.00"),
        ("generate", "25.00", "75.00"),
    ]
    assert waterfall({}) == []


STANDING = [
    (
        "Zolprofen™ and Betriebsrat² of the WHO, who asks",
        "zolprofen betriebsrat WHO",
        ["Zolprofen", "Betriebsrat²", "WHO"],
    ),
    ("Mail it, or send an e-mail.", "email", ["e-mail"]),
    ("Send an e-mail, or mail it", "mail", ["mail", "mail"]),
    ("An infor-\nmation desk in the U.S.", "information US", ["infor-\nmation", "U.S."]),
    ("Zo\u0308e pays 12 500 in Łódź", "Zöe 12500 Lodz", ["Zo\u0308e", "12 500", "Łódź"]),
    ("東京の天気は晴れ" * 20, "天気", ["天気"] * 20),
    ("책을 읽다", "책", ["책"]),
    ("ดูงูในสวน", "งู สวน", ["งู", "สวน"]),
]


@pytest.mark.parametrize(("text", "question", "words"), STANDING)
def test_a_word_of_the_question_stands_out_however_it_is_spelled(text: str, question: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in asked_words(text, question)] == words
