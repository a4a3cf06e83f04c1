"""Answers over HTTP with a reader registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from apps.models.gateway import ModelCall
from apps.models.gateway.fake import FakeTransport
from apps.models.installed_model import ModelKind
from apps.models.services.fallbacks import model_fall_back
from apps.models.services.registry import model_register
from apps.retrieval.pipeline import generators_for
from apps.retrieval.search.request import SearchRequest
from ragsite.core.errors import ModelUnavailableError
from tests import factories as make
from tests.acting import ACTOR
from tests.apps.models.making import reader_make

pytestmark = pytest.mark.django_db

QUESTION, SENTENCE = "How many berths for guests has the harbour?", "The harbour has 42 berths for guests."
UseTransport = Callable[[Any], None]


class Reading(FakeTransport):
    """Reads a certain word in each passage, for or against; all else is as the fake has it."""

    def __init__(self, word: str, *, margin: float = 2.0, error: ModelUnavailableError | None = None) -> None:
        self.word, self.margin, self.error = word, margin, error
        self.readers: list[str] = []

    def run(self, call: ModelCall) -> np.ndarray:
        if call.model.kind is ModelKind.READING:
            self.readers.append(call.model.name)
            if self.error is not None and call.model.name == "large":
                raise self.error
        return super().run(call)

    def read(self, question: str, passages: Any, **_: Any) -> np.ndarray:
        places = [max(0, text.find(self.word)) for text in passages]
        rows = [(place, place + len(self.word), self.margin, 0.0) for place in places]
        return np.array(rows, dtype=np.float32)


@pytest.fixture
def client() -> Client:
    return make.client(make.ready_version().document.tenant)


@pytest.fixture
def _reader(tmp_path: Path) -> None:
    register(tmp_path, "large")


def register(folder: Path, name: str, *, seed: int = 0) -> Any:
    (folder / name).mkdir()
    return model_register(source=reader_make(folder / name, seed=seed), name=name, actor=ACTOR)


def ask(client: Client) -> dict[str, Any]:
    response = client.post("/api/v1/ask", {"question": QUESTION}, content_type="application/json")
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.usefixtures("_reader")
def test_the_default_reader_gives_the_span_and_the_answer_quotes_its_sentence(
    client: Client, use_transport: UseTransport
) -> None:
    use_transport(Reading("42"))
    answer = ask(client)

    assert (answer["generator"], answer["found"], answer["degraded"]) == ("reader", True, [])
    assert answer["answer"] == SENTENCE
    assert [one["quote"] for one in answer["citations"]] == [SENTENCE]


@pytest.mark.usefixtures("_reader")
def test_where_it_says_no_answer_there_is_none(client: Client, use_transport: UseTransport) -> None:
    use_transport(Reading("42", margin=-2.0))
    answer = ask(client)

    assert (answer["generator"], answer["found"], answer["citations"]) == ("reader", False, [])


@pytest.mark.usefixtures("_reader")
def test_where_it_does_not_answer_sentences_are_chosen_by_words_and_the_answer_says_so(
    client: Client, use_transport: UseTransport
) -> None:
    use_transport(Reading("42", error=ModelUnavailableError("No worker.", code="circuit_open")))
    answer = ask(client)

    assert (answer["generator"], answer["answer"]) == ("extractive", SENTENCE)
    assert [(one["step"], one["code"]) for one in answer["degraded"]] == [("generate", "circuit_open")]


def test_a_smaller_one_behind_it_reads_where_it_does_not(
    client: Client, use_transport: UseTransport, tmp_path: Path
) -> None:
    large, small = register(tmp_path, "large"), register(tmp_path, "small", seed=1)
    model_fall_back(version_id=large.pk, to=small.pk, actor=ACTOR)
    reading = Reading("42", error=ModelUnavailableError("No worker.", code="circuit_open"))
    use_transport(reading)
    answer = ask(client)

    assert (answer["generator"], answer["answer"]) == ("reader", SENTENCE)
    assert [one["code"] for one in answer["degraded"]] == ["circuit_open"]
    assert reading.readers == ["large", "small"]


def test_without_a_reader_none_is_asked(client: Client, use_transport: UseTransport) -> None:
    reading = Reading("42")
    use_transport(reading)

    assert ask(client)["generator"] == "extractive"
    assert reading.readers == []


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize(
    ("generator", "fallback", "names"),
    [
        ("", True, ["reader", "extractive"]),
        ("", False, ["reader"]),
        ("local", True, ["language_model", "reader", "extractive"]),
        ("local", False, ["language_model"]),
    ],
)
def test_it_stands_behind_the_language_model_and_before_what_needs_none(
    settings: Any, generator: str, fallback: bool, names: list[str]
) -> None:
    settings.RAGSITE_GENERATOR = generator

    chosen = generators_for(SearchRequest(QUESTION, fallback=fallback))

    assert [one.name for one in chosen] == names
