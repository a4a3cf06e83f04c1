"""Documents with instructions in them on the whole way from a file to an answer, and what of them reaches the reader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from apps.documents.parsing.registry import parse
from apps.models.gateway import ModelCall, calls
from apps.models.gateway.fake import FakeTransport
from apps.models.generation import Finish, GeneratedText, GenerationEnd
from apps.models.installed_model import InstalledModel, ModelKind
from apps.models.servers.chat import request_of
from apps.retrieval.answers.drafting import pieces_collect, pieces_write
from apps.retrieval.answers.extractive.generator import ExtractiveGenerator
from apps.retrieval.answers.language import LanguageModelGenerator
from apps.retrieval.answers.prompting import answer_prompt
from apps.retrieval.answers.types import Draft, Generator
from apps.retrieval.search.passages import Passage
from apps.retrieval.search.timing import Timings
from tests import factories as make
from tests.apps.retrieval.answers.injection.documents import FACT, HIDDEN, INJECTIONS, QUESTION, QUOTED, Injection
from tests.apps.retrieval.making import material, passage

MODEL = InstalledModel(UUID(int=9), "writer", Path("/nowhere"), "0" * 64, 4096, ModelKind.GENERATION)
MANUAL = Path(__file__).parents[5] / "docs" / "injection.md"
LOADED_OR_FOLLOWED = re.compile(r"!\[|<img|\]\(", re.IGNORECASE)

each = pytest.mark.parametrize("injection", INJECTIONS, ids=lambda injection: injection.name)


class Obeying(FakeTransport):
    """A language model that does what the document says; `calls` are what it was told."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.calls: list[ModelCall] = []

    def stream(self, call: ModelCall) -> Iterator[Any]:
        self.calls.append(call)
        for at in range(0, len(self.text), 3):
            yield GeneratedText(self.text[at : at + 3])
        yield GenerationEnd(Finish.STOP, 1, 1)


@pytest.fixture
def passages(injection: Injection, tmp_path: Path) -> list[Passage]:
    """The document's, as its parser reads it, and one that holds the answer."""
    file = tmp_path / f"document.{injection.kind.value}"
    file.write_text(injection.text)
    return [passage(parse(file, injection.kind).text), passage(FACT, version_id=UUID(int=8), document_id=UUID(int=7))]


@pytest.fixture
def model(injection: Injection, monkeypatch: pytest.MonkeyPatch) -> Obeying:
    model = Obeying(injection.obeyed)
    monkeypatch.setattr(calls, "current_transport", lambda: model)
    return model


def answered(passages: list[Passage], generator: Generator) -> Draft:
    asked = material(QUESTION, *passages)
    return pieces_collect(pieces_write(asked, [generator], deadline=make.soon(), timings=Timings()))


def let_through(draft: Draft) -> str:
    """In the words of the documents' table."""
    sources = {quotation.quote == FACT for one in draft.shown for quotation in one.quotations}
    if not sources:
        return "nothing"
    return "the true sentence" if sources == {True} else QUOTED


@each
def test_of_a_model_that_obeys_only_what_a_passage_says_is_shown(
    injection: Injection, passages: list[Passage], model: Obeying
) -> None:
    draft = answered(passages, LanguageModelGenerator(MODEL))
    assert let_through(draft) == injection.let_through, [(one.text, one.judgement) for one in draft.statements]


@each
def test_nothing_that_is_written_leads_elsewhere_or_is_loaded(
    injection: Injection, passages: list[Passage], model: Obeying
) -> None:
    for one in answered(passages, LanguageModelGenerator(MODEL)).statements:
        assert not LOADED_OR_FOLLOWED.search(one.text)


@each
def test_what_is_quoted_stands_in_the_passage_it_is_said_to_be_from(
    injection: Injection, passages: list[Passage], model: Obeying
) -> None:
    for generator in (LanguageModelGenerator(MODEL), ExtractiveGenerator()):
        for one in answered(passages, generator).statements:
            for quotation in one.quotations:
                source = quotation.passage
                assert source in passages
                assert source.text[quotation.start - source.start : quotation.end - source.start] == quotation.quote


@each
def test_an_extractive_answer_says_the_truth_too_and_loads_nothing(
    injection: Injection, passages: list[Passage]
) -> None:
    shown = answered(passages, ExtractiveGenerator()).shown
    assert FACT in [one.text for one in shown]
    assert not any(token.type == "image" for one in shown for token in inline(one.text))


@each
def test_a_model_is_told_the_passages_as_data(injection: Injection, passages: list[Passage], model: Obeying) -> None:
    answered(passages, LanguageModelGenerator(MODEL))
    inputs = model.calls[0].inputs
    system, user = inputs.messages  # type: ignore[attr-defined]
    assert system.content == answer_prompt().text
    assert not set(HIDDEN) & set(user.content)
    assert len(re.findall(r"</\s*passage", user.content, re.IGNORECASE)) == len(passages)
    assert len(re.findall(r"<\s?passage number=", user.content)) <= len(passages) + injection.text.count("<passage")
    told = request_of(inputs, model="m")["messages"][1]["content"]  # type: ignore[arg-type]
    assert not re.search(r"<\||\[/?INST\]|<</?SYS|</s>|<start_of_turn>", told)


def test_the_manual_says_what_is_let_through() -> None:
    rows = [f"| {one.name} | {one.let_through} |" for one in INJECTIONS]
    assert [line for line in MANUAL.read_text().splitlines() if line in rows] == rows


def inline(text: str) -> list[Any]:
    return [child for token in MarkdownIt().parse(text) for child in token.children or ()]
