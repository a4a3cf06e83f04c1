from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reports import Asked, asked_of, hits_of, table

QUESTION = Asked("What was earned?", "HARBOUR_2022", frozenset({("HARBOUR_2022", 7)}))


@dataclass
class Place:
    number: int | None
    last: int | None = None


@dataclass
class Passage:
    title: str
    place: Place | None


def hits(*passages: tuple[str, Place | None]) -> list[str]:
    found: Any = [Passage(title, place) for title, place in passages]
    return hits_of(QUESTION, found)


def test_a_question_names_its_report_and_the_pages_of_its_evidence(tmp_path: Path) -> None:
    evidence = [{"doc_name": "HARBOUR_2022", "page_zero_indexed": 6, "text": "Earned: 12"}]
    line = json.dumps({"text": QUESTION.text, "doc_name": QUESTION.report, "evidence": evidence})
    (tmp_path / "questions.jsonl").write_text(f"{line}\n\n")
    assert asked_of(tmp_path / "questions.jsonl") == [QUESTION]


def test_a_page_counts_in_its_own_report_alone_and_where_a_passage_reaches_over_it() -> None:
    other, own = ("HARBOUR_2021.pdf", Place(7)), ("HARBOUR_2022.pdf", Place(3))
    assert hits(other, own) == ["document@5"]
    assert hits(("HARBOUR_2022.pdf", Place(6, 7)), other) == ["document@1", "document@5", "page@1", "page@5", "page@10"]
    assert hits(*[own] * 5, ("HARBOUR_2022.pdf", Place(7))) == ["document@1", "document@5", "page@10"]
    assert hits(("HARBOUR_2022.txt", None)) == []


def test_each_way_is_a_row() -> None:
    shares = dict.fromkeys(("document@1", "document@5", "page@1", "page@5", "page@10"), 0.5)
    head, row = table({"all": {"all": shares, "within": shares, "p50_ms": 40.5}}).split("\n")
    assert (head.split(" | ")[0], row.split(" | ")) == ("way", ["all", *["0.5"] * 10, "40.5"])
