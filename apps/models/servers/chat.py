"""A language model at a server: what it is asked, and the pieces of what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpcore

from apps.models.generation import (
    STILL_AT_IT,
    Conversation,
    Finish,
    GeneratedText,
    GenerationEnd,
    GenerationPiece,
)
from apps.models.servers.client import Server, answered, bounded, is_stream, json_of
from apps.models.servers.errors import ModelServerLostError, reply_junk, stream_error
from apps.models.servers.events import LineTooLongError, stream_events
from apps.models.servers.words import storable, turns_apart

DONE = "[DONE]"
GAVE_UP = frozenset({"abort", "error"})
"""Reasons to end that are no end: the server ran out of room or time."""


@contextmanager
def chat(server: Server, conversation: Conversation) -> Iterator[Iterator[GenerationPiece]]:
    """What the model says next, as it comes. Leaving the block closes the connection, so that the server stops.

    Raises:
        As `answered`, before the first piece or after any.
    """
    with answered(server, "/chat/completions", request_of(conversation, model=server.model)) as response:
        yield _streamed(response, server) if is_stream(response) else _whole(response, server)


def request_of(conversation: Conversation, *, model: str) -> dict[str, Any]:
    """The request, with what the options say and nothing more: servers refuse what they do not know."""
    options = conversation.options
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": one.role.value, "content": turns_apart(one.content)} for one in conversation.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": options.temperature,
    }
    if options.top_p != 1.0:
        body["top_p"] = options.top_p
    if options.max_tokens is not None:
        body["max_tokens"] = options.max_tokens
    if options.seed is not None:
        body["seed"] = options.seed
    if options.stop:
        body["stop"] = list(options.stop)
    return body


def _streamed(response: httpcore.Response, server: Server) -> Iterator[GenerationPiece]:
    """The text as it grows, then its end; a server that counts nothing has written 0 tokens."""
    finish: Any = None
    usage: Any = {}
    for chunk in _chunks(response, server):
        if chunk is None:
            yield STILL_AT_IT
            continue
        usage = chunk.get("usage") or usage
        choice = _first(chunk)
        finish = choice.get("finish_reason") or finish
        yield GeneratedText(_content(choice.get("delta")))
    yield _end(finish, usage, server)


def _chunks(response: httpcore.Response, server: Server) -> Iterator[Mapping[str, Any] | None]:
    try:
        for data in stream_events(bounded(response.iter_stream(), server)):
            if data == DONE:
                return
            yield _chunk(data, server) if data else None
    except LineTooLongError as error:
        raise reply_junk(server.url, "…", str(error), key=server.key) from None


def _chunk(data: str, server: Server) -> Mapping[str, Any]:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise reply_junk(server.url, data, "it is no JSON", key=server.key) from None
    if not isinstance(chunk, Mapping):
        raise reply_junk(server.url, data, "it is no piece of an answer", key=server.key)
    if chunk.get("error"):
        raise stream_error(chunk["error"], url=server.url, model=server.model, key=server.key)
    return chunk


def _whole(response: httpcore.Response, server: Server) -> Iterator[GenerationPiece]:
    """Of a server that does not stream."""
    told = json_of(response, server)
    if not isinstance(told, Mapping) or not _first(told):
        raise reply_junk(server.url, json.dumps(told), "it has no choices", key=server.key)
    choice = _first(told)
    yield GeneratedText(_content(choice.get("message")))
    yield _end(choice.get("finish_reason") or "stop", told.get("usage") or {}, server)


def _first(told: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = told.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, Mapping) else {}


def _content(told: Any) -> str:
    """The text of a message or of a part of one. What a model thinks before it answers stands elsewhere, and is no answer."""
    content = told.get("content") if isinstance(told, Mapping) else None
    return storable(content) if isinstance(content, str) else ""


def _end(finish: Any, usage: Any, server: Server) -> GenerationEnd:
    if not isinstance(finish, str) or finish in GAVE_UP:
        raise ModelServerLostError(
            f"The model server {server.url} ended its answer without saying that it is whole ({str(finish)[:40]!r})."
        )
    return GenerationEnd(
        Finish.LENGTH if finish == "length" else Finish.STOP,
        _count(usage, "prompt_tokens"),
        _count(usage, "completion_tokens"),
    )


def _count(usage: Any, name: str) -> int:
    count = usage.get(name) if isinstance(usage, Mapping) else None
    return count if isinstance(count, int) else 0
