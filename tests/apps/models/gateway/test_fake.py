from __future__ import annotations

from pathlib import Path

import pytest

from apps.models.gateway import Deadline, ModelCall, Purpose
from apps.models.gateway.fake import FakeTransport
from apps.models.generation import Finish, GeneratedText, GenerationEnd
from apps.models.inputs import Inputs
from apps.models.installed_model import EmbeddingModel, InstalledModel, ModelKind
from apps.models.kinds import KINDS
from ragsite.core.ids import new_id
from tests.apps.models.gateway.test_wire import INPUTS, WITH_ROWS


def model_of(kind: ModelKind) -> InstalledModel:
    if KINDS[kind].has_dimensions:
        return EmbeddingModel(new_id(), "any", Path("/nowhere"), "0" * 64, max_tokens=16, dimensions=8)
    return KINDS[kind].model(new_id(), "any", Path("/nowhere"), "0" * 64, max_tokens=16, kind=kind)


def call(kind: ModelKind, inputs: Inputs) -> ModelCall:
    return ModelCall(model_of(kind), inputs, Purpose.QUERY, Deadline.after(60))


@pytest.mark.parametrize("kind", WITH_ROWS)
def test_every_kind_has_an_answer_and_the_same_each_time(kind: ModelKind) -> None:
    first, second = (FakeTransport().run(call(kind, INPUTS[kind])) for _ in range(2))
    assert len(first) == len(INPUTS[kind].items())
    assert first.tobytes() == second.tobytes()


def test_a_kind_that_is_given_what_another_takes_has_none() -> None:
    with pytest.raises(TypeError, match="Texts as a model for reranking"):
        FakeTransport().run(call(ModelKind.RERANKING, INPUTS[ModelKind.EMBEDDING]))


def test_a_kind_that_streams_says_the_last_message_word_by_word_the_same_each_time() -> None:
    said = call(ModelKind.GENERATION, INPUTS[ModelKind.GENERATION])
    pieces = list(FakeTransport().stream(said))
    assert pieces == list(FakeTransport().stream(said))
    assert pieces == [GeneratedText("naïve"), GeneratedText(" 東京"), GenerationEnd(Finish.STOP, 2, 2)]
