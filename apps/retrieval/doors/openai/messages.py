"""What a client says: the last thing that the user said is the question, and what came before is its history. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ninja import Schema
from pydantic import TypeAdapter, ValidationError

from apps.models.generation import Message, Role
from apps.retrieval.answers.follow_ups import PastTurn
from apps.retrieval.answers.turns import HISTORY
from apps.retrieval.doors.api import Text
from ragsite.core.errors import PermanentError

MOST_MESSAGES = 1_000
TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})
ORDERS = frozenset({"system", "developer"})
"""Who tells a model how to answer. It is not told: how answers are made from documents is ragsite's own."""

_QUESTION: TypeAdapter[str] = TypeAdapter(Text)


class MessageIn(Schema):
    """One message; what else a client's message carries, such as annotations of an answer, is not looked at."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and the turns before it, the latest last."""

    question: str
    history: tuple[PastTurn, ...] = ()


def asked_of(messages: Sequence[MessageIn]) -> Asked:
    """What is asked by the messages.

    Raises:
        PermanentError: the last one is not the user's, is no question, or one of them is not text.
    """
    said = [Message(Role(one.role), _text(one.content)) for one in messages if one.role not in ORDERS]
    if not said or said[-1].role is not Role.USER:
        raise PermanentError("The last message must be the user's: it is the question.")
    return Asked(question_of(said[-1].content), tuple(_turns(said[:-1])[-HISTORY:]))


def _turns(said: Sequence[Message]) -> list[PastTurn]:
    """Each question with what was answered to it."""
    turns: list[PastTurn] = []
    for message in said:
        if message.role is Role.USER:
            turns.append(PastTurn(message.content, ""))
        elif turns:
            turns[-1] = replace(turns[-1], answer=message.content)
    return turns


def question_of(text: str) -> str:
    """The text as a question.

    Raises:
        PermanentError: it is empty, too long, or has a character that no text may have.
    """
    try:
        return _QUESTION.validate_python(text)
    except ValidationError as error:
        raise PermanentError(f"The question is not valid: {error.errors()[0]['msg']}.") from error


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if not isinstance(content, list):
        return content or ""
    return "\n".join(map(_text_of_part, content))


def _text_of_part(part: dict[str, Any]) -> str:
    kind = str(part.get("type", ""))[:60]
    text = part.get("refusal" if kind == "refusal" else "text")
    if kind not in TEXT_PARTS or not isinstance(text, str):
        raise PermanentError(f"A part of a message is of the type {kind!r}: only text is read.")
    return text
