from __future__ import annotations

import json

import numpy as np
import pytest

from apps.models.errors import DeadlineExceededError, ModelTooLargeError
from apps.models.gateway import Deadline, Purpose
from apps.models.gateway.wire import EmbedRequest, decode_reply, encode_error, encode_vectors
from ragsite.core.errors import (
    ConflictError,
    ModelNotFoundError,
    ModelUnavailableError,
    PermanentError,
    RagError,
    TransientError,
)
from ragsite.core.ids import new_id


def over_the_wire(reply: object) -> object:
    return json.loads(json.dumps(reply))


@pytest.mark.parametrize("shape", [(0, 8), (1, 8), (5, 3)])
def test_vectors_arrive_bit_for_bit(shape: tuple[int, int]) -> None:
    sent = np.random.default_rng(1).standard_normal(shape).astype(np.float32)

    received = decode_reply(over_the_wire(encode_vectors(sent)))

    assert received.dtype == np.float32
    assert received.shape == shape
    assert received.tobytes() == sent.tobytes()
    assert received.flags.writeable


def test_a_call_arrives_as_it_was_sent() -> None:
    request = EmbedRequest(new_id(), ["naïve 東京", ""], Purpose.QUERY, Deadline.after(3))

    assert EmbedRequest.decode(json.loads(json.dumps(request.encode()))) == request


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
        decode_reply(over_the_wire(encode_error(error)))

    assert type(received.value) is arrives_as
    told = ("error_code", "message", "error_action", "http_status", "retry_after")
    assert [getattr(received.value, name) for name in told] == [getattr(error, name) for name in told]


@pytest.mark.parametrize(
    "reply",
    [
        None,
        "vectors",
        {"shape": [1, 4]},
        {"shape": [2, 4], "vectors": "AAAAAA=="},
        {"shape": [1, 1], "vectors": "not base64!"},
        {"error": {"message": "no code"}},
    ],
)
def test_a_reply_that_is_neither_vectors_nor_an_error_is_refused(reply: object) -> None:
    with pytest.raises(ModelUnavailableError) as refused:
        decode_reply(reply)

    assert refused.value.error_code == "invalid_embedding"
