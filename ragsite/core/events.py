"""What happens, published to the outside: the registry of events. A new event is one class in an app's `events.py`:

    @event("document.deleted", key="document_id")
    class DocumentDeleted(Event):
        \"\"\"The document is no longer found.\"\"\"

        document_id: UUID

Its type, version, topic and key are part of what consumers build on, as are its fields. A change that they would have to
know of is a new version: a class of its own, with a name of its own on the wire (`document.deleted.v2`).
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints
from uuid import UUID

from django.utils.module_loading import autodiscover_modules
from pydantic import TypeAdapter, ValidationError

from ragsite.core.errors import PermanentError

TYPE = re.compile(r"[a-z_]+\.[a-z_]+")
TOPIC = re.compile(r"ragsite\.[a-z_]+")
DEAD_LETTERS = "ragsite.dead_letters"
"""The topic of events that could not be delivered, or not be taken by a consumer of ours; the reason is in their headers."""
PLAIN = (str, int, float, bool, UUID, datetime, NoneType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. Its fields are the payload, but for the tenant, which the envelope names."""

    type: ClassVar[str]
    version: ClassVar[int]
    topic: ClassVar[str]
    key_fields: ClassVar[tuple[str, ...]]
    name: ClassVar[str]
    is_act: ClassVar[bool]
    """Whether it tells of what somebody did, and so belongs into the audit log."""

    tenant_id: UUID

    @property
    def key(self) -> UUID:
        """The aggregate for which order holds: the first of the key fields that says one."""
        found: UUID = next(value for name in self.key_fields if (value := getattr(self, name)) is not None)
        return found

    @property
    def object_type(self) -> str:
        """What the key names: `document` for a key `document_id`."""
        return next(name for name in self.key_fields if getattr(self, name) is not None).removesuffix("_id")

    def payload(self) -> dict[str, Any]:
        """The fields as JSON has them; raises TypeError where one is not of its type."""
        adapter = _adapter(builtins.type(self))
        text = adapter.dump_json(self, warnings=False)
        try:
            adapter.validate_json(text, strict=True)
        except ValidationError as error:
            raise TypeError(f"{self.name} was given what is not of its fields' types: {error}") from error
        written: dict[str, Any] = json.loads(text)
        del written["tenant_id"]
        return written


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationEvent(Event):
    """Something that concerns all tenants, and so names none."""

    tenant_id: None = None  # type: ignore[assignment]  # what reads it of any event takes it as the outbox does, which may have none


OWN_NAMES = frozenset({"type", "version", "topic", "key_fields", "name", "is_act", "key", "object_type", "payload"})
E = TypeVar("E", bound=Event)
_registry: dict[tuple[str, int], type[Event]] = {}
_adapters: dict[type[Event], TypeAdapter[Any]] = {}


class EventDefinitionError(TypeError):
    """A class that cannot be an event; seen by its author when it is imported."""


class UnknownEventError(PermanentError):
    """No class has this type and version; seen by a consumer, which is older or newer than the writer."""

    code = "unknown_event"


class EventPayloadError(PermanentError):
    """A payload that does not fit its event; seen by a consumer."""

    code = "invalid_event"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(
    type: str, /, *, key: str | tuple[str, ...], version: int = 1, topic: str = "", is_act: bool = True
) -> Callable[[builtins.type[E]], builtins.type[E]]:
    """Make the class a frozen, slotted dataclass and an event.

    `key` names the field for whose value order holds; of several, the first that is not None counts. The topic is named
    after the first word of the type if none is given. One that `is_act` is told in the audit log, too.

    Raises:
        EventDefinitionError: the class, or its declaration, cannot make an event.
    """
    keys = (key,) if isinstance(key, str) else key
    return lambda cls: _registered(_declared(cls, type, version, keys, topic or _usual_topic(type), is_act))


def events() -> tuple[type[Event], ...]:
    """All events, by type and version."""
    return tuple(_registry[place] for place in sorted(_registry))


def topics() -> tuple[str, ...]:
    """Every topic that an event goes to."""
    return tuple(sorted({cls.topic for cls in _registry.values()}))


def event_class(type: str, version: int) -> builtins.type[Event]:
    """The class of a version of an event; raises UnknownEventError."""
    try:
        return _registry[type, version]
    except KeyError:
        raise UnknownEventError(f"There is no event {type!r} of version {version}.") from None


def event_decode(type: str, version: int, payload: Mapping[str, Any], *, tenant_id: UUID | None) -> Event:
    """The event that was written as this payload. What the payload has besides, of a newer writer, is left out.

    Raises:
        UnknownEventError: there is no such event here.
        EventPayloadError: a field is missing, or not of its type.
    """
    adapter = _adapter(event_class(type, version))
    whose = str(tenant_id) if tenant_id else None
    try:
        read: Event = adapter.validate_json(json.dumps({**payload, "tenant_id": whose}), strict=True)
    except ValidationError as error:
        raise EventPayloadError(f"This is no event {type!r} of version {version}: {error}") from error
    return read


def name_split(name: str) -> tuple[str, int]:
    """The type and version of an event by its name on the wire: `document.created` is version 1 of it, `….v2` the next."""
    type_, mark, number = name.rpartition(".v")
    return (type_, int(number)) if mark and number.isdecimal() else (name, 1)


def topic_of(name: str) -> str:
    """The topic of an event by its name on the wire. An old row may have a name that no class has any more."""
    known = _registry.get(name_split(name))
    return known.topic if known else _usual_topic(name)


def schema_uri(name: str) -> str:
    """What names the JSON Schema of an event's payload, by the event's name on the wire."""
    return "urn:ragsite:event:{}:{}".format(*name_split(name))


def events_load() -> None:
    """Import the `events` of every app, by which they are registered."""
    autodiscover_modules("events")


def _adapter(cls: type[Event]) -> TypeAdapter[Any]:
    """Made when it is first needed: a process that emits no events makes none."""
    if cls not in _adapters:
        _adapters[cls] = TypeAdapter(cls)
    return _adapters[cls]


def _usual_topic(name: str) -> str:
    return f"ragsite.{name.partition('.')[0]}"


def _declared(cls: type[E], type_: str, version: int, keys: tuple[str, ...], topic: str, is_act: bool) -> type[E]:
    if not vars(cls).get("__doc__"):  # A dataclass gets one that says nothing.
        raise EventDefinitionError(f"{cls.__qualname__} has no docstring, which says when it happens.")
    if not issubclass(cls, Event):
        raise EventDefinitionError(f"{cls.__qualname__} is no subclass of Event.")
    if taken := sorted(OWN_NAMES & vars(cls).get("__annotations__", {}).keys()):
        raise EventDefinitionError(f"{cls.__qualname__} has a field {taken[0]!r}, which every event has otherwise.")
    made = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    made.type, made.version, made.topic, made.key_fields = type_, version, topic, keys
    made.name = type_ if version == 1 else f"{type_}.v{version}"
    made.is_act = is_act
    return made


def _registered(cls: type[E]) -> type[E]:
    if fault := next(_faults(cls), None):
        raise EventDefinitionError(f"{cls.__qualname__}: {fault}")
    _registry[cls.type, cls.version] = cls
    return cls


def _faults(cls: type[Event]) -> Iterator[str]:
    """What keeps the class from being an event, in words."""
    if not TYPE.fullmatch(cls.type):
        yield f"the type {cls.type!r} is not two words in lower case with a full stop between them."
    if cls.version < 1:
        yield f"the version {cls.version} is below 1."
    if not TOPIC.fullmatch(cls.topic):
        yield f"the topic {cls.topic!r} is not `ragsite.` and a word in lower case."
    if known := _registry.get((cls.type, cls.version)):
        yield f"version {cls.version} of {cls.type!r} is {known.__module__}.{known.__qualname__}; make it the next version."
    hints = get_type_hints(cls)
    for field in fields(cls):
        if not _fits_json(hints[field.name]):
            yield f"the field {field.name!r} is {hints[field.name]}, which JSON does not have; a list is a tuple[x, ...]."
    yield from _key_faults(cls.key_fields, hints)


def _key_faults(keys: tuple[str, ...], hints: Mapping[str, object]) -> Iterator[str]:
    """The last one must always say something, so that there is a key; those before it must be able to say nothing."""
    for key in keys:
        if key not in hints or key in OWN_NAMES:
            yield f"the key {key!r} is none of its fields."
        elif hints[key] != (UUID if key == keys[-1] else UUID | None):
            yield f"the key {key!r} is {hints[key]}; the last key is a UUID, and each before it UUID | None."
    if not keys:
        yield "it has no key."


def _fits_json(hint: object) -> bool:
    """Whether JSON can say it and nobody can change it by accident; a dict is as far as that goes."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return all(map(_fits_json, inner))
    if origin is tuple:
        return inner[1:] == (...,) and _fits_json(inner[0])
    if origin is dict:
        return inner[0] is str and _fits_json(inner[1])
    if origin is Literal:
        return all(isinstance(one, str) for one in inner)
    return hint in PLAIN or (isinstance(hint, type) and (issubclass(hint, StrEnum) or _is_frozen(hint)))


def _is_frozen(cls: type) -> bool:
    """Whether it is a frozen dataclass whose fields fit JSON, too."""
    if not is_dataclass(cls) or not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # the stubs lack it
        return False
    hints = get_type_hints(cls)
    return all(_fits_json(hints[field.name]) for field in fields(cls))
