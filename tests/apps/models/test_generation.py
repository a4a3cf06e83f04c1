"""What a language model is given and writes, as values and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from apps.models.generation import (
    Conversation,
    Finish,
    GeneratedText,
    GenerationEnd,
    GenerationOptions,
    GenerationPiece,
    Message,
    Role,
    piece_decode,
    piece_encode,
)
from ragsite.core.errors import ModelUnavailableError, PermanentError

SAID = (Message(Role.SYSTEM, "Be short."), Message(Role.USER, "€5?"), Message(Role.ASSISTANT, ""))


@pytest.mark.parametrize(
    "options", [GenerationOptions(), GenerationOptions(5, temperature=0.5, top_p=0.9, seed=0, stop=("a", "\n\n"))]
)
def test_a_conversation_travels_as_json(options: GenerationOptions) -> None:
    said = Conversation(SAID, options)
    assert Conversation.decode(json.loads(json.dumps(said.encode()))) == said
    assert said.items() == SAID


@pytest.mark.parametrize("piece", [GeneratedText("€ "), GeneratedText(""), GenerationEnd(Finish.LENGTH, 12, 3)])
def test_a_piece_travels_as_json(piece: GenerationPiece) -> None:
    assert piece_decode(json.loads(json.dumps(piece_encode(piece)))) == piece


@pytest.mark.parametrize(
    "reply", [{}, {"text": 5}, {"finish": "tired", "usage": [1, 2]}, {"finish": "stop", "usage": 3}]
)
def test_what_is_no_piece_is_refused(reply: dict[str, Any]) -> None:
    with pytest.raises(ModelUnavailableError, match="not a model's answer"):
        piece_decode(reply)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": 5.1}, "temperature is 5.1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.1}, "top_p is 1.1"),
        ({"stop": ("",)}, "has 0 characters"),
        ({"stop": ("x" * 201,)}, "has 201 characters"),
        ({"stop": ("x",) * 17}, "17 stop strings"),
    ],
)
def test_options_out_of_their_range_are_refused_with_their_value(options: dict[str, Any], told: str) -> None:
    with pytest.raises(PermanentError, match=told) as refused:
        GenerationOptions(**options)
    assert refused.value.error_code == "invalid_options"
