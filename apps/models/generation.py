"""What a language model is given and what it writes: plain data, so that it can travel."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeAlias

from apps.models.codec import reply_invalid
from ragsite.core.errors import PermanentError

MAX_STOPS = 16
MAX_STOP_CHARACTERS = 200


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise PermanentError(sentence, code="invalid_options", action="Give a value in its range.")


class Role(enum.StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How a text is written.

    `max_tokens`: the most tokens to write, None for as many as the model has room for. `temperature`: 0 takes the likeliest token
    each time. `top_p`: the share of probability from which tokens are drawn, likeliest first. `seed`: the same one draws the same
    tokens. `stop`: texts that end the writing; they are not part of it.
    """

    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """
        Raises:
            PermanentError: (code `invalid_options`) one of them is out of its range.
        """
        _require(self.max_tokens is None or self.max_tokens >= 1, f"max_tokens is {self.max_tokens}, less than 1.")
        _require(0.0 <= self.temperature <= 5.0, f"temperature is {self.temperature}, not from 0 to 5.")
        _require(0.0 < self.top_p <= 1.0, f"top_p is {self.top_p}, not above 0 and up to 1.")
        _require(len(self.stop) <= MAX_STOPS, f"There are {len(self.stop)} stop strings, more than {MAX_STOPS}.")
        for text in self.stop:
            _require(
                0 < len(text) <= MAX_STOP_CHARACTERS,
                f"The stop string {text!r} has {len(text)} characters, not from 1 to {MAX_STOP_CHARACTERS}.",
            )


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said so far, and how the next turn shall be written."""

    messages: tuple[Message, ...]
    options: GenerationOptions = field(default_factory=GenerationOptions)

    def items(self) -> Sequence[Message]:
        return self.messages

    def encode(self) -> dict[str, Any]:
        messages = [[message.role.value, message.content] for message in self.messages]
        return {"messages": messages, "options": asdict(self.options) | {"stop": list(self.options.stop)}}

    @classmethod
    def decode(cls, told: Mapping[str, Any]) -> Self:
        messages = tuple(Message(Role(role), str(content)) for role, content in told["messages"])
        options = dict(told["options"])
        return cls(messages, GenerationOptions(**options | {"stop": tuple(options["stop"])}))


class Finish(enum.StrEnum):
    """Why a text ended: the model or a stop string ended it, it was long enough, or nobody wants it any more."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class GeneratedText:
    """More of the text, in whole characters. An empty one says that the model is still at it."""

    text: str


@dataclass(frozen=True, slots=True)
class GenerationEnd:
    """The last piece: why, and how many tokens were read and written."""

    finish: Finish
    prompt_tokens: int
    completion_tokens: int


STILL_AT_IT = GeneratedText("")

GenerationPiece: TypeAlias = GeneratedText | GenerationEnd


def piece_encode(piece: GenerationPiece) -> dict[str, Any]:
    """A piece as JSON."""
    if isinstance(piece, GeneratedText):
        return {"text": piece.text}
    return {"finish": piece.finish.value, "usage": [piece.prompt_tokens, piece.completion_tokens]}


def piece_decode(reply: Mapping[str, Any]) -> GenerationPiece:
    """A piece from JSON.

    Raises:
        ModelUnavailableError: (code `invalid_reply`) it is none.
    """
    match reply:
        case {"text": str(text)}:
            return GeneratedText(text)
        case {"finish": "stop" | "length" | "cancelled" as finish, "usage": [int() as read, int() as written]}:
            return GenerationEnd(Finish(finish), read, written)
        case other:
            raise reply_invalid(other)
