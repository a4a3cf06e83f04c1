from __future__ import annotations

import json

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError, ModelTooLargeError
from apps.models.gateway import Deadline, Purpose
from apps.models.gateway.wire import ModelRequest, decode_reply, encode_error
from apps.models.generation import Conversation, GenerationOptions, Message, Role
from apps.models.inputs import Inputs, QueryTexts, Texts
from apps.models.installed_model import ModelKind
from apps.models.kinds import KINDS
from apps.models.prompts import TextRole
from ragsite.core.errors import (
    ConflictError,
    ModelNotFoundError,
    ModelUnavailableError,
    PermanentError,
    RagError,
    TransientError,
)
from ragsite.core.ids import new_id

INPUTS: dict[ModelKind, Inputs] = {
    ModelKind.EMBEDDING: Texts(("naïve 東京", ""), TextRole.QUERY),
    ModelKind.RERANKING: QueryTexts("naïve", ("東京", "")),
    ModelKind.GENERATION: Conversation((Message(Role.USER, "naïve 東京"),), GenerationOptions(5, stop=("\n",))),
    ModelKind.READING: QueryTexts("naïve", ("東京", "")),
}
"""Inputs of each kind of model."""

WITH_ROWS = [kind for kind, row in KINDS.items() if not row.streams]
"""The kinds that answer all at once."""


def over_the_wire(reply: object) -> object:
    return json.loads(json.dumps(reply))


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (5, 3)])
@pytest.mark.parametrize("kind", WITH_ROWS)
def test_rows_arrive_bit_for_bit(shape: tuple[int, int], kind: ModelKind) -> None:
    codec = KINDS[kind].codec
    sent = np.random.default_rng(1).standard_normal(shape).astype(np.float32)

    received = decode_reply(over_the_wire(codec.encode(sent)), codec=codec)

    assert received.dtype == np.float32
    assert received.shape == shape
    assert received.tobytes() == sent.tobytes()
    assert received.flags.writeable


def test_every_kind_is_sent_here() -> None:
    assert set(INPUTS) == set(ModelKind)


@pytest.mark.parametrize(("kind", "inputs"), INPUTS.items())
def test_a_call_arrives_as_it_was_sent(kind: ModelKind, inputs: Inputs) -> None:
    request = ModelRequest(kind, new_id(), inputs, Purpose.QUERY, Deadline.after(3))

    assert ModelRequest.decode(json.loads(json.dumps(request.encode()))) == request


def test_a_query_travels_once_with_its_texts() -> None:
    request = ModelRequest(
        ModelKind.RERANKING, new_id(), QueryTexts("once", ("a", "b")), Purpose.QUERY, Deadline.after(3)
    )

    assert json.dumps(request.encode()).count("once") == 1


@pytest.mark.parametrize(
    ("error", "arrives_as"),
    [
        (DeadlineExceededError("late"), DeadlineExceededError),
        (ModelTooLargeError("9 bytes of 8", action="Buy more."), ModelTooLargeError),
        (ModelNotFoundError("changed", code="model_changed"), ModelNotFoundError),
        (ModelUnavailableError("down", retry_after=2.5), ModelUnavailableError),
        (ConflictError("taken", status=409), PermanentError),
        (RagError("odd", code="odd"), TransientError),
    ],
)
def test_an_error_keeps_its_family_code_and_words(error: RagError, arrives_as: type[RagError]) -> None:
    with pytest.raises(arrives_as) as received:
        decode_reply(over_the_wire(encode_error(error)), codec=KINDS[ModelKind.EMBEDDING].codec)

    assert type(received.value) is arrives_as
    told = ("error_code", "message", "error_action", "http_status", "retry_after")
    assert [getattr(received.value, name) for name in told] == [getattr(error, name) for name in told]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "rows",
        {"shape": [1, 4]},
        {"shape": [2, 4], "rows": "AAAAAA=="},
        {"shape": [1, 1], "rows": "not base64!"},
        {"error": {"message": "no code"}},
    ],
)
def test_a_reply_that_is_neither_rows_nor_an_error_is_refused(reply: object) -> None:
    with pytest.raises(ModelUnavailableError) as refused:
        decode_reply(reply, codec=KINDS[ModelKind.EMBEDDING].codec)

    assert refused.value.error_code == "invalid_reply"
