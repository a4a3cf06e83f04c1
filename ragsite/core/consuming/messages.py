"""Messages of a topic, read as the events that they carry. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Protocol
from uuid import UUID

import msgspec

from ragsite.core.events import Event, EventPayloadError, event_class, event_decode, name_split

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


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What a CloudEvent in structured JSON says of its event. Attributes that are not named here are passed over."""

    type: str
    id: UUID
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    data: msgspec.Raw
    tenant: UUID | None = None
    sequence: str = "0"


class Received(msgspec.Struct, frozen=True, gc=False):
    """An event with its envelope, and `body`, the message as it came. One that is delivered again has the same `event_id`."""

    envelope: Envelope
    body: bytes

    @property
    def name(self) -> str:
        return self.envelope.type

    @property
    def event_id(self) -> UUID:
        return self.envelope.id

    @property
    def at(self) -> datetime:
        return self.envelope.time

    @property
    def sequence(self) -> int:
        """Grows per key."""
        return int(self.envelope.sequence)

    @property
    def event(self) -> Event:
        """What happened, read anew each time: who takes thousands a second may do without.

        Raises:
            EventPayloadError: its payload is not as it must be.
        """
        payload = msgspec.json.decode(self.envelope.data)
        return event_decode(*name_split(self.name), payload, tenant_id=self.envelope.tenant)


_ENVELOPES = msgspec.json.Decoder(Envelope)


def received_of(message: Message) -> Received:
    """The event that a message holds; whether this program knows it is another question.

    Raises:
        EventPayloadError: it holds none, or an attribute is not as it must be.
    """
    body = message.value() or b""
    if len(body) > LARGEST:
        raise EventPayloadError(f"The message has {len(body):,} bytes; events have {LARGEST:,} at most.")
    try:
        envelope = _ENVELOPES.decode(body)
    except msgspec.ValidationError as error:
        raise EventPayloadError(f"The message is no CloudEvent as ours are: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise EventPayloadError(f"The message is no JSON: {error}") from None
    if bytes(envelope.data)[:1] != b"{" or not (envelope.sequence.isascii() and envelope.sequence.isdecimal()):
        raise EventPayloadError(
            "The message is no CloudEvent as ours are: its data is no object, or its sequence no number."
        )
    return Received(envelope, body)


@lru_cache(maxsize=1024)
def type_of(name: str) -> str:
    """The type of an event without its version: that of `document.created.v2` is `document.created`."""
    return name_split(name)[0]


@lru_cache(maxsize=1024)
def known(name: str) -> type[Event]:
    """The class of an event by its name on the wire; raises UnknownEventError."""
    return event_class(*name_split(name))
