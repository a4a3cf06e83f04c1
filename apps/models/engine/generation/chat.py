"""Messages to tokens by the model's own chat template, and tokens to text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2.exceptions import TemplateError

from apps.models.errors import UnsupportedModelError
from apps.models.generation import Message, Role
from ragsite.core.errors import PermanentError


class Chat:
    """The tokenizer of a language model. Threads may share it."""

    def __init__(self, tokenizer: Any) -> None:
        """
        Raises:
            UnsupportedModelError: it has no chat template, or no fast tokenizer.
        """
        if not getattr(tokenizer, "chat_template", None) or not getattr(tokenizer, "is_fast", False):
            raise UnsupportedModelError(
                "The model has no chat template or no fast tokenizer.", action="Use its instruction-tuned version."
            )
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        special = [one.content for one in self._backend.get_added_tokens_decoder().values() if one.special]
        self._special = (
            re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True)))) if special else None
        )

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The tokens after which the model writes the next turn.

        Raises:
            PermanentError: (code `invalid_conversation`) the template refuses these messages.
        """
        said = [Message(message.role, self._harmless(message.content)) for message in messages]
        try:
            text = self._rendered(said)
        except TemplateError as error:
            # Some families know no system role.
            joined = _system_joined(said)
            if joined == said:
                raise _refused(error) from error
            text = self._rendered_or_refused(joined)
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the tokens, without the special ones."""
        return str(self._backend.decode(list(ids), skip_special_tokens=True))

    def _rendered_or_refused(self, messages: Sequence[Message]) -> str:
        try:
            return self._rendered(messages)
        except TemplateError as error:
            raise _refused(error) from error

    def _rendered(self, messages: Sequence[Message]) -> str:
        told = [{"role": message.role.value, "content": message.content} for message in messages]
        return str(self._tokenizer.apply_chat_template(told, tokenize=False, add_generation_prompt=True))

    def _harmless(self, content: str) -> str:
        """The text with the model's control tokens taken apart: what is quoted to it must not end a turn or begin one."""
        if self._special is None:
            return content
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", content)


def _system_joined(messages: Sequence[Message]) -> list[Message]:
    """The messages with what the system says at the head of what the user says first."""
    told = "\n\n".join(message.content for message in messages if message.role is Role.SYSTEM)
    others = [message for message in messages if message.role is not Role.SYSTEM]
    if not told or not others or others[0].role is not Role.USER:
        return list(messages)
    return [Message(Role.USER, f"{told}\n\n{others[0].content}"), *others[1:]]


def _refused(error: TemplateError) -> PermanentError:
    return PermanentError(
        f"The model's chat template refuses these messages: {error}.",
        code="invalid_conversation",
        action="Begin with the user's message and let user and assistant take turns.",
    )
