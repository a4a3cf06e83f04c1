from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError
from apps.models.gateway import Deadline, ModelCall, Purpose
from apps.models.inputs import QueryTexts
from apps.models.installed_model import InstalledModel, ModelKind
from apps.retrieval.answers.reading import MOST_READ, ReaderGenerator
from apps.retrieval.answers.time_shares import RESERVE_SECONDS
from apps.retrieval.answers.types import Material, Statement, Verdict
from apps.retrieval.search.passages import Passage
from ragsite.core.errors import ModelUnavailableError
from ragsite.core.ids import new_id
from tests import factories as make
from tests.apps.retrieval.making import material, passage

MODEL = InstalledModel(new_id(), "reader", Path("/nowhere"), "0" * 64, 64, ModelKind.READING)
QUESTION = "How deep is the harbour?"
DEPTH, PIER = "It is four metres deep at low water.", "The pier was built in 1911."
UseTransport = Callable[[Any], None]


class Marking:
    """A reader that marks what it was told to, each with how much more speaks for it than for no answer."""

    def __init__(self, **marks: float) -> None:
        self.marks: Mapping[str, float] = {mark.replace("_", " "): margin for mark, margin in marks.items()}
        self.calls: list[ModelCall] = []

    def run(self, call: ModelCall) -> np.ndarray:
        self.calls.append(call)
        assert isinstance(call.inputs, QueryTexts)
        return np.array([self._row(text) for text in call.inputs.texts], dtype=np.float32)

    def _row(self, text: str) -> tuple[float, ...]:
        found = [(mark, margin) for mark, margin in self.marks.items() if mark in text]
        mark, margin = found[0] if found else (text[:1], -3.0)
        return text.index(mark), text.index(mark) + len(mark), 1.0 + margin, 1.0


def other(text: str, number: int, **fields: Any) -> Passage:
    """A passage of another version."""
    return passage(text, chunk_id=number, version_id=uuid.UUID(int=100 + number), **fields)


def statements(asked: Material, *, seconds: float = 60) -> list[Statement]:
    pieces = ReaderGenerator(MODEL).generate(asked, deadline=Deadline.after(seconds))
    return [piece for piece in pieces if isinstance(piece, Statement)]


def test_the_sentence_that_holds_the_span_is_the_answer_and_what_is_quoted(use_transport: UseTransport) -> None:
    use_transport(Marking(four_metres=4.0))

    (said,) = statements(material(QUESTION, passage(f"{PIER} {DEPTH} Gulls nest there.", start=50)))

    (quotation,) = said.quotations
    assert (said.text, said.judgement.verdict) == (DEPTH, Verdict.SUPPORTED)
    begins = 50 + len(PIER) + 1
    assert (quotation.quote, quotation.start, quotation.end) == (DEPTH, begins, begins + len(DEPTH))
    assert quotation.score == pytest.approx(1 / (1 + np.exp(-4.0)), abs=1e-5)


def test_a_row_is_told_with_the_names_of_its_columns_and_quoted_as_it_stands(use_transport: UseTransport) -> None:
    use_transport(Marking(**{"4 m": 4.0}))
    table = "| Basin | Depth |\n| --- | --- |\n| North | 4 m |\n| South | 7 m |"

    (said,) = statements(material("How deep is the north basin?", passage(table)))

    assert said.text == "North · Depth: 4 m"
    assert said.quotations[0].quote == "| North | 4 m |"


@pytest.mark.parametrize("margin", [-2.0, 0.0])
def test_nothing_is_said_where_no_answer_has_as_much_for_it(use_transport: UseTransport, margin: float) -> None:
    use_transport(Marking(four_metres=margin))

    assert statements(material(QUESTION, passage(DEPTH), other(PIER, 2))) == []


def test_the_surest_comes_first_and_others_join_that_say_something_new(use_transport: UseTransport) -> None:
    use_transport(Marking(four_metres=1.0, seven_metres=5.0, shallow=2.0, deepest=0.5, old=-4.0))
    texts = [
        DEPTH, "At its mouth it is seven metres deep.", "Ships say that the basin is rather shallow.",
        "The deepest of all is the dock.", "The old pier.",
    ]  # fmt: skip

    said = statements(material(QUESTION, *(other(text, number) for number, text in enumerate(texts))))

    assert [one.text for one in said] == [texts[1], texts[2], texts[0]]


def test_what_two_passages_say_alike_is_said_once(use_transport: UseTransport) -> None:
    use_transport(Marking(four_metres=3.0))

    assert len(statements(material(QUESTION, passage(DEPTH), other(DEPTH, 2)))) == 1


def test_a_span_in_text_that_passages_share_is_quoted_once(use_transport: UseTransport) -> None:
    use_transport(Marking(four_metres=3.0))
    overlapping = passage(DEPTH, chunk_id=2, start=len(PIER) + 1)

    (said,) = statements(material(QUESTION, passage(f"{PIER} {DEPTH}"), overlapping))

    assert said.text == DEPTH


def test_a_span_in_a_heading_is_no_answer(use_transport: UseTransport) -> None:
    use_transport(Marking(Depths=3.0))
    headed = passage(f"Depths of the harbour\n\n{PIER}", heading_path=("Depths of the harbour",))

    assert statements(material(QUESTION, headed)) == []


def test_the_best_few_passages_are_read_in_one_call_with_time_left_for_others(use_transport: UseTransport) -> None:
    reader = Marking()
    use_transport(reader)
    deadline = make.soon()
    texts = [f"Sentence {number} says nothing." for number in range(MOST_READ + 3)]

    pieces = ReaderGenerator(MODEL).generate(
        material(QUESTION, *(other(text, number) for number, text in enumerate(texts))), deadline=deadline
    )

    assert list(pieces) == []
    (call,) = reader.calls
    assert (call.model, call.purpose) == (MODEL, Purpose.ANSWER)
    assert call.deadline == Deadline(deadline.at - RESERVE_SECONDS)
    assert call.inputs == QueryTexts(QUESTION, tuple(texts[:MOST_READ]))


def test_one_with_a_smaller_one_behind_it_takes_its_share_of_the_time(use_transport: UseTransport) -> None:
    reader = Marking()
    use_transport(reader)
    until = time.time() + 60

    list(ReaderGenerator(MODEL, share=0.5).generate(material(QUESTION, passage(DEPTH)), deadline=Deadline(until)))

    assert reader.calls[0].deadline.at < until - 0.5 * (60 - RESERVE_SECONDS)


def test_what_keeps_the_model_from_reading_is_raised(use_transport: UseTransport) -> None:
    use_transport(Marking())
    with pytest.raises(DeadlineExceededError):
        statements(material(QUESTION, passage(DEPTH)), seconds=RESERVE_SECONDS - 0.5)

    class Elsewhere(Marking):
        def run(self, call: ModelCall) -> np.ndarray:
            return super().run(call) + 1000

    use_transport(Elsewhere())
    with pytest.raises(ModelUnavailableError) as refused:
        statements(material(QUESTION, replace(passage(DEPTH))))
    assert refused.value.error_code == "invalid_readings"
