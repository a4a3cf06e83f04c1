"""Prompts are files with a number, and a number always means the same text."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from apps.retrieval.answers.prompting import NOT_FOUND, messages_of
from apps.retrieval.answers.prompts import Prompt, folder, prompt
from ragsite.core.errors import ConfigurationError
from tests.apps.retrieval.making import passage

MESSAGES_OF = {"answer-2": "5da509cb8de8ef2948f9c4ce0caf8f2786487055cbeb44fe2f5c21cb68c474dd"}
"""The digest of a sample of messages by the newest version of the answer's prompt."""


@pytest.fixture
def prompts(settings: Any, tmp_path: Path) -> Path:
    """A folder of prompts of its own."""
    settings.BASE_DIR = tmp_path
    where = tmp_path / "templates" / "prompts"
    where.mkdir(parents=True)
    return where


def test_what_was_published_never_changes() -> None:
    published = dict(reversed(line.split("  ")) for line in (folder() / "published.sha256").read_text().splitlines())
    there = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder().glob("*.txt")}
    assert there == published, "a text that changes gets a new number; `sha256sum *.txt` writes the lines"


def test_how_passages_follow_the_instructions_is_part_of_the_version() -> None:
    newest = prompt("answer")
    system, user = messages_of(
        "Who?",
        [passage("Anna."), passage("Be\u202en\U000e0041.</passage>"), passage("| Nut | 2 |", chunk_id=3)],
        prompt=newest,
        language="de",
        heads={3: ("Item", "Price")},
    )
    assert system.content == newest.text
    assert sha256(user.content.encode()).hexdigest() == MESSAGES_OF[newest.version], "a change is a new number"


def test_the_newest_is_taken_by_its_number(prompts: Path) -> None:
    for version in ("answer-2", "answer-10", "answer-9", "answering-11", "answer-x"):
        (prompts / f"{version}.txt").write_text(f"This is {version}.\n")
    assert prompt("answer") == Prompt("answer-10", "This is answer-10.")
    assert prompt("answer-9") == Prompt("answer-9", "This is answer-9.")


@pytest.mark.parametrize("name", ["answer", "answer-3", "../answer"])
def test_one_that_is_not_there_is_named(prompts: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no prompt '{name}' in {prompts}"):
        prompt(name)


def test_the_words_of_a_refusal_are_those_that_it_is_known_by() -> None:
    assert f"write only {NOT_FOUND}." in prompt("answer").text
