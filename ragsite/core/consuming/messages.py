"""Messages of a topic, read as the events that they carry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic_core import from_json

from ragsite.core.events import Event, EventPayloadError, event_decode, name_split

LARGEST = 4 * 1024 * 1024
"""Bytes of a message that are read as JSON; ours have far fewer."""


class Message(Protocol):
    """A message as the client of Kafka gives it."""

    def topic(self) -> str | None: ...
    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Any: ...
    def error(self) -> Any: ...


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a message stands."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, message: Message) -> Place:
        return cls(message.topic() or "", message.partition() or 0, message.offset() or 0)


@dataclass(frozen=True, slots=True)
class Received:
    """An event with its envelope. One that is delivered again has the same `event_id`; `sequence` grows per key."""

    place: Place
    event_id: UUID
    sequence: int
    at: datetime
    event: Event


def envelope_of(message: Message) -> Mapping[str, Any]:
    """The CloudEvent in structured JSON that a message holds.

    Raises:
        EventPayloadError: it holds none.
    """
    value = message.value() or b""
    if len(value) > LARGEST:
        raise EventPayloadError(f"The message has {len(value):,} bytes; events have {LARGEST:,} at most.")
    try:
        envelope = from_json(value)
    except ValueError as error:
        raise EventPayloadError(f"The message is no JSON: {error}") from None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("type"), str):
        raise EventPayloadError("The message is no CloudEvent: it has no type.")
    return envelope


def event_received(envelope: Mapping[str, Any], place: Place) -> Received:
    """The event of an envelope.

    Raises:
        UnknownEventError: no class here has its type and version.
        EventPayloadError: an attribute or its payload is not as it must be.
    """
    try:
        tenant = UUID(envelope["tenant"]) if envelope.get("tenant") else None
        event_id, at = UUID(envelope["id"]), datetime.fromisoformat(envelope["time"])
        sequence, payload = int(envelope.get("sequence") or 0), dict(envelope.get("data") or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EventPayloadError(f"The envelope is not as it must be: {type(error).__name__} {error}") from None
    if at.tzinfo is None:
        raise EventPayloadError("The envelope's time says no time zone.")
    return Received(place, event_id, sequence, at, event_decode(*_named(envelope), payload, tenant_id=tenant))


def type_of(name: str) -> str:
    """The type of an event without its version: that of `document.created.v2` is `document.created`."""
    return name_split(name)[0]


def _named(envelope: Mapping[str, Any]) -> tuple[str, int]:
    return name_split(envelope["type"])
