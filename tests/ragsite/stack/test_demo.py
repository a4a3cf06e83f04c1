"""What the demonstration shows of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from ragsite.stack import demo
from tests.client.serving import Script, problem_body, sent, streamed

QUESTION, TEXT = "When does it open?", "It opens at seven."
CITATION = {
    "id": 1, "claim": 0, "document": "d", "title": "a.md", "version": "v", "version_number": 2, "start": 0, "end": 18,
    "quote": TEXT, "heading_path": ["Hours"], "place": {"kind": "page", "number": 3},
}  # fmt: skip
ANSWER: dict[str, Any] = {
    "id": "a1", "question": QUESTION, "answer": TEXT, "found": True, "sentences": [], "citations": [CITATION], "passages": [],
    "generator": "extractive", "created_at": "2026-01-02T03:04:05Z",
}  # fmt: skip
NOTHING = ANSWER | {"found": False, "answer": "Not found in your documents.", "citations": []}


def shown(capsys: pytest.CaptureFixture[str], *events: tuple[str, dict[str, Any]]) -> list[str]:
    """The lines below the question."""
    reply = streamed(*(sent(number, f"response.{name}", data) for number, (name, data) in enumerate(events, start=1)))
    demo.ask(Script(reply).client(), "1", QUESTION, "a.md")
    before, question, *lines = capsys.readouterr().out.splitlines()
    assert (before, question) == ("", QUESTION)
    return lines


def delta(text: str) -> tuple[str, dict[str, Any]]:
    return "output_text.delta", {"claim": 0, "text": text}


def test_the_text_is_followed_by_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, delta("It opens "), delta("at seven."), ("completed", ANSWER))
    assert lines == [TEXT, f"  a.md v2, Hours, page 3: “{TEXT}”"]


def test_a_text_that_does_not_count_is_told_from_what_replaces_it(capsys: pytest.CaptureFixture[str]) -> None:
    withdrawn = {"generator": "language_model", "problem": problem_body("worker_lost", 503)}
    lines = shown(capsys, delta("At si"), ("output_text.withdrawn", withdrawn), delta(TEXT), ("completed", ANSWER))
    told = ["At si", "  It is worker_lost. Do something else. What follows replaces it.", TEXT]
    assert lines[:3] == told


def test_an_answer_that_found_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, ("completed", NOTHING))
    assert lines == [NOTHING["answer"], "  This does not cite the document that holds the answer."]
