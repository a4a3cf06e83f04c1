from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import pytest

from ragsite.core.events import (
    Event,
    EventDefinitionError,
    EventPayloadError,
    UnknownEventError,
    event,
    event_class,
    event_decode,
    events,
    name_split,
    schema_uri,
    topic_of,
    topics,
)
from ragsite.core.outbox import shard_of
from tests.events import knowing


@pytest.fixture(autouse=True)
def _boats() -> Iterator[None]:
    with knowing(BoatSailed):
        yield


class Colour(StrEnum):
    RED = "red"
    WHITE = "white"


@dataclass(frozen=True)
class Sail:
    metres: float
    colours: tuple[Colour, ...]


@dataclass
class Repainted:
    colour: Colour


with knowing():

    @event("boat.sailed", key="boat_id")
    class BoatSailed(Event):
        """A boat has left."""

        boat_id: UUID
        left_at: datetime
        sails: tuple[Sail, ...] = ()
        wind: Literal["east", "west"] | None = None
        crew: dict[str, int] | None = None

    @event("boat.sailed", key=("fleet_id", "boat_id"), version=2, topic="ragsite.harbour")
    class BoatSailedTogether(Event):
        """A boat has left, with its fleet if it has one."""

        boat_id: UUID
        fleet_id: UUID | None


def sailed(**fields: Any) -> BoatSailed:
    left_at = datetime(2026, 5, 1, 7, 30, tzinfo=UTC)
    return BoatSailed(**{"tenant_id": uuid.uuid4(), "boat_id": uuid.uuid4(), "left_at": left_at} | fields)


def declared(body: dict[str, Any], *, doc: str | None = "It happened.", base: type = Event, **said: Any) -> type[Any]:
    """A class with these annotations, decorated."""
    members = {"__annotations__": {"boat_id": UUID} | body, "__module__": __name__}
    cls = type("Happened", (base,), members | ({"__doc__": doc} if doc is not None else {}))
    arguments = {"key": "boat_id"} | said
    return event(arguments.pop("type", "boat.happened"), **arguments)(cls)


def test_a_class_is_registered_as_it_is_defined_and_found_by_type_and_version() -> None:
    before = len(events())
    cls = declared({})
    assert (cls.type, cls.version, cls.topic, cls.name) == ("boat.happened", 1, "ragsite.boat", "boat.happened")
    assert event_class("boat.happened", 1) is cls
    assert len(events()) == before + 1
    assert "ragsite.boat" in topics()
    assert topic_of("boat.happened") == "ragsite.boat"


def test_another_version_is_another_event_with_a_name_and_if_it_says_so_a_topic_of_its_own() -> None:
    first, second = declared({}), declared({"reason": str}, version=2, topic="ragsite.harbour")
    assert [event_class("boat.happened", version) for version in (1, 2)] == [first, second]
    assert (second.name, topic_of(second.name), topic_of(first.name)) == (
        "boat.happened.v2", "ragsite.harbour", "ragsite.boat",
    )  # fmt: skip
    assert schema_uri(second.name) == "urn:ragsite:event:boat.happened:2"
    names = [one.name for one in events()]
    assert names.index("boat.happened") + 1 == names.index("boat.happened.v2")


def test_events_are_in_the_order_of_their_names_and_every_app_has_registered_its_own() -> None:
    names = [one.name for one in events()]
    assert names == sorted(names)
    assert {"document.created", "grant.deleted", "query.processed", "vector.indexed"} <= {*names}


def test_an_event_is_frozen_slotted_and_made_by_keywords() -> None:
    happened = sailed()
    with pytest.raises(FrozenInstanceError):
        happened.wind = "east"  # type: ignore[misc]
    assert not hasattr(happened, "__dict__")
    with pytest.raises(TypeError, match="positional"):
        BoatSailed(uuid.uuid4(), uuid.uuid4(), datetime.now(UTC))  # type: ignore[misc]


def test_the_key_is_the_first_key_field_that_says_one() -> None:
    boat, fleet = uuid.uuid4(), uuid.uuid4()
    alone = BoatSailedTogether(tenant_id=uuid.uuid4(), boat_id=boat, fleet_id=None)
    assert (alone.key, replace(alone, fleet_id=fleet).key) == (boat, fleet)
    assert shard_of(str(alone.key)) == shard_of(str(boat))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "BoatSailed"}, "two words in lower case"),
        ({"type": "boat.happened.v2"}, "two words in lower case"),
        ({"version": 0}, "the version 0 is below 1"),
        ({"topic": "boats"}, "the topic 'boats' is not"),
        ({"key": "ship_id"}, "the key 'ship_id' is none of its fields"),
        ({"key": "version"}, "the key 'version' is none of its fields"),
        ({"key": ()}, "it has no key"),
        ({"key": ("boat_id", "tenant_id")}, "each before it UUID | None"),
        ({"doc": None}, "has no docstring"),
        ({"base": object}, "no subclass of Event"),
        ({"body": {"boat_id": str}}, "the last key is a UUID"),
        ({"body": {"boat_id": UUID | None}}, "the last key is a UUID"),
        ({"body": {"version": int}}, "a field 'version', which every event has otherwise"),
        ({"body": {"payload": str}}, "a field 'payload', which every event has otherwise"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_class_that_can_be_no_event_is_refused_as_it_is_defined(said: dict[str, Any], why: str) -> None:
    before = events()
    with pytest.raises(EventDefinitionError, match=why):
        declared(**{"body": {}} | said)
    assert events() == before


@pytest.mark.parametrize("kind", [bytes, list[str], set[str], Any, object, tuple[int, str], dict[int, str], Repainted])
def test_a_field_that_json_does_not_have_is_refused(kind: Any) -> None:
    with pytest.raises(EventDefinitionError, match=r"the field 'cargo' is .* which JSON does not have"):
        declared({"cargo": kind})
    with pytest.raises(EventDefinitionError, match="the field 'cargo'"):
        declared({"cargo": dict[str, kind] | None})


def test_a_version_has_one_class() -> None:
    first = declared({})
    with pytest.raises(EventDefinitionError, match=r"version 1 of 'boat.happened' is .*Happened; make it"):
        declared({"reason": str})
    assert event_class("boat.happened", 1) is first


def test_a_payload_is_the_fields_without_the_tenant_as_json_has_them_and_is_read_back_as_the_event() -> None:
    happened = sailed(sails=(Sail(9.5, (Colour.RED, Colour.WHITE)),), wind="west", crew={"Ann": 1})
    payload = happened.payload()
    assert payload == {
        "boat_id": str(happened.boat_id),
        "left_at": "2026-05-01T07:30:00Z",
        "sails": [{"metres": 9.5, "colours": ["red", "white"]}],
        "wind": "west",
        "crew": {"Ann": 1},
    }
    assert event_decode("boat.sailed", 1, payload, tenant_id=happened.tenant_id) == happened


def test_what_a_newer_writer_has_added_is_passed_over() -> None:
    happened = sailed(sails=(Sail(3, ()),))
    newer = happened.payload() | {"berth": 7}
    newer["sails"][0]["maker"] = "Lee"
    assert event_decode("boat.sailed", 1, newer, tenant_id=happened.tenant_id) == happened


def test_what_an_older_writer_did_not_know_has_its_default() -> None:
    happened = sailed()
    older = {name: value for name, value in happened.payload().items() if name in ("boat_id", "left_at")}
    assert event_decode("boat.sailed", 1, older, tenant_id=happened.tenant_id) == happened


@pytest.mark.parametrize("change", [{"boat_id": None}, {"boat_id": 7}, {"crew": {"Ann": "1"}}, {"wind": "north"}])
def test_a_payload_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EventPayloadError, match=rf"no event 'boat.sailed' of version 1: .*\n{next(iter(change))}"):
        event_decode("boat.sailed", 1, sailed().payload() | change, tenant_id=uuid.uuid4())


@pytest.mark.parametrize(("type_", "version"), [("boat.sailed", 3), ("boat.sunk", 1)])
def test_an_event_that_no_class_has_is_refused(type_: str, version: int) -> None:
    with pytest.raises(UnknownEventError, match=rf"There is no event '{type_}' of version {version}\."):
        event_decode(type_, version, {}, tenant_id=uuid.uuid4())


@pytest.mark.parametrize("change", [{"boat_id": None}, {"wind": "north"}, {"crew": {"Ann": "one"}}, {"sails": (None,)}])
def test_an_event_whose_fields_are_not_of_their_types_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"boat.sailed was given what is not of its fields' types"):
        sailed(**change).payload()


@pytest.mark.parametrize(
    ("name", "type_", "version"),
    [("a.b", "a.b", 1), ("a.b.v2", "a.b", 2), ("a.b.v12", "a.b", 12), ("a.very", "a.very", 1), ("a", "a", 1)],
)
def test_a_name_tells_type_and_version(name: str, type_: str, version: int) -> None:
    assert name_split(name) == (type_, version)
    assert schema_uri(name) == f"urn:ragsite:event:{type_}:{version}"


def test_a_name_that_no_class_has_any_more_goes_where_its_like_went() -> None:
    assert topic_of("document.archived") == "ragsite.document"
    assert topic_of("document.archived.v2") == "ragsite.document"
