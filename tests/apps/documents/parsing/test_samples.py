"""The documents that come with the project."""

import json
from pathlib import Path

import pytest

from apps.documents.parsing.registry import parse
from apps.documents.parsing.sniffing import sniff

SAMPLES = Path(__file__).parents[4] / "samples"
QUESTIONS = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["document"])
def test_each_question_is_answered_by_the_document_it_names_and_no_other(question):
    holding = set()
    for path in SAMPLES.iterdir():
        if path.suffix in {".py", ".json"} or not path.is_file():
            continue
        text = parse(path, sniff(path, path.name)).text
        if question["answer_contains"] in " ".join(text.split()):
            holding.add(path.name)
    assert holding == {question["document"]}


def test_the_questions_are_about_documents_of_at_least_three_formats():
    assert len({Path(question["document"]).suffix for question in QUESTIONS}) >= 3
