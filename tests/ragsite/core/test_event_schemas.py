from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from jsonschema import Draft202012Validator

from ragsite.core.event_schemas import BEGIN, END, breaking_changes, docs_contradicting, schema_of
from ragsite.core.events import Event, event, events
from ragsite.core.management.commands import event_schemas as command
from tests.events import DOCS, knowing


@pytest.fixture(autouse=True)
def _boats() -> Iterator[None]:
    with knowing():
        yield


@dataclass(frozen=True)
class Sail:
    metres: float


@dataclass(frozen=True)
class LabelledSail:
    metres: float
    label: str = ""


@dataclass(frozen=True)
class OwnedSail:
    metres: float
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfBoat(Event):
    boat_id: UUID
    """Which boat."""


class Published(OfBoat):
    """A boat has left.

    Only boats with sails do.
    """

    wind: Literal["east", "west"]
    captain: str | None
    sails: tuple[Sail, ...] = ()
    title: str = ""
    """In the words
    of its owner.
    """


class MoreOptionalFields(OfBoat):
    """A boat has left, and more is known."""

    wind: Literal["east", "west"]
    captain: str | None
    sails: tuple[LabelledSail, ...] = ()
    title: str = "Unnamed"
    left_at: datetime | None = None


class FieldGone(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    sails: tuple[Sail, ...] = ()
    title: str = ""


class FieldRenamed(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: str | None
    sails: tuple[Sail, ...] = ()
    name_: str = ""


class FieldRetyped(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: int | None
    sails: tuple[Sail, ...] = ()
    title: str = ""


class NullNoMore(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: str
    sails: tuple[Sail, ...] = ()
    title: str = ""


class RequiredFieldAdded(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: str | None
    left_at: datetime
    sails: tuple[Sail, ...] = ()
    title: str = ""


class RequiredNoMore(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: str | None = None
    sails: tuple[Sail, ...] = ()
    title: str = ""


class EnumNarrowed(OfBoat):
    """A boat has left."""

    wind: Literal["east"]
    captain: str | None
    sails: tuple[Sail, ...] = ()
    title: str = ""


class EnumWidened(OfBoat):
    """A boat has left."""

    wind: Literal["east", "north", "west"]
    captain: str | None
    sails: tuple[Sail, ...] = ()
    title: str = ""


class RequiredFieldAddedInside(OfBoat):
    """A boat has left."""

    wind: Literal["east", "west"]
    captain: str | None
    sails: tuple[OwnedSail, ...] = ()
    title: str = ""


def registered(cls: type[OfBoat], **said: Any) -> type[Any]:
    """The class as an event. A copy is made one, so that the class can be registered again."""
    members = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    return event("boat.sailed", **{"key": "boat_id"} | said)(type(cls.__name__, cls.__bases__, members))


def schema(cls: type[OfBoat], **said: Any) -> dict[str, Any]:
    with knowing():
        return schema_of(registered(cls, **said))


def test_a_schema_describes_the_payload_in_the_words_of_the_class() -> None:
    made = schema(Published)
    Draft202012Validator.check_schema(made)
    assert made == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ragsite:event:boat.sailed:1",
        "title": "boat.sailed",
        "description": "A boat has left.\n\nOnly boats with sails do.",
        "x-topic": "ragsite.boat",
        "x-key": ["boat_id"],
        "type": "object",
        "properties": {
            "boat_id": {"type": "string", "format": "uuid", "description": "Which boat."},
            "wind": {"type": "string", "enum": ["east", "west"]},
            "captain": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "sails": {"type": "array", "items": {"$ref": "#/$defs/Sail"}, "default": []},
            "title": {"type": "string", "default": "", "description": "In the words\nof its owner."},
        },
        "required": ["boat_id", "wind", "captain"],
        "$defs": {
            "Sail": {
                "type": "object", "title": "Sail", "properties": {"metres": {"type": "number"}}, "required": ["metres"],
            },
        },
    }  # fmt: skip
    assert schema(MoreOptionalFields)["properties"]["left_at"]["anyOf"][0] == {"type": "string", "format": "date-time"}


@pytest.mark.parametrize("cls", [Published, MoreOptionalFields])
def test_fields_with_a_default_may_be_added_and_words_be_changed_within_a_version(cls: type[OfBoat]) -> None:
    assert breaking_changes(schema(Published), schema(cls)) == []


@pytest.mark.parametrize(
    ("cls", "why"),
    [
        (FieldGone, ["captain is gone"]),
        (FieldRenamed, ["title is gone"]),
        (FieldRetyped, ['type of captain was "string" and is "integer"']),
        (NullNoMore, ["anyOf of captain was", 'type of captain was null and is "string"']),
        (RequiredFieldAdded, ["left_at is required and was not there"]),
        (RequiredNoMore, ["captain is no longer required"]),
        (EnumNarrowed, ['wind was ["east", "west"]']),
        (EnumWidened, ['enum of wind was ["east", "west"] and is ["east", "north", "west"]']),
        (RequiredFieldAddedInside, ["sails[].owner is required and was not there"]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_any_other_change_is_reported_by_its_field(cls: type[OfBoat], why: list[str]) -> None:
    found = breaking_changes(schema(Published), schema(cls))
    assert found
    assert [words for words in why if not any(words in one for one in found)] == []


def test_what_was_optional_must_not_become_required() -> None:
    assert breaking_changes(schema(RequiredNoMore), schema(Published)) == ["captain is now required"]


def test_topic_and_key_are_part_of_a_version() -> None:
    (topic,) = breaking_changes(schema(Published), schema(Published, topic="ragsite.harbour"))
    assert topic == 'x-topic of the event was "ragsite.boat" and is "ragsite.harbour"'
    (key,) = breaking_changes(schema(Published), schema(Published, key="tenant_id"))
    assert key.startswith("x-key of the event was")


def test_a_payload_that_was_written_for_a_changed_class_is_read_by_who_knows_the_published_schema() -> None:
    """What the rule for changes is for, tried with the validator that a consumer may use."""
    published, newer = schema(Published), registered(MoreOptionalFields)
    fields = {"tenant_id": UUID(int=1), "boat_id": UUID(int=2), "wind": "east", "captain": None}
    payload = newer(**fields, sails=(LabelledSail(9, "S"),), left_at=datetime(2026, 1, 1)).payload()
    assert list(Draft202012Validator(published).iter_errors(payload)) == []


# The manual, and the command that writes it


@pytest.fixture
def docs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manual with the schemas of all events, to be changed."""
    monkeypatch.setattr(command, "PROJECT_DIR", tmp_path)
    monkeypatch.setattr(command, "DOCS", tmp_path / "docs")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "events.md").write_text(f"# Events\n\n{BEGIN}\n{END}\n\nThe rest.\n")
    run()
    return tmp_path / "docs"


def run(*options: str) -> str:
    told = io.StringIO()
    call_command("event_schemas", *options, stdout=told)
    return told.getvalue()


def written(docs: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in [docs / "events.md", *docs.glob("events/*")]}


def test_the_published_schemas_are_those_of_the_classes() -> None:
    assert "up to date" in run("--check")


def test_no_class_breaks_its_published_schema() -> None:
    assert docs_contradicting(DOCS) == []
    assert len(list((DOCS / "events").glob("*.json"))) == len(events())


def test_the_command_writes_a_file_for_each_event_and_the_table_and_then_nothing_more(docs: Path) -> None:
    before = written(docs)
    assert len(before) == len(events()) + 1
    page = before["events.md"]
    assert page.startswith("# Events\n")
    assert page.endswith("\n\nThe rest.\n")
    row = "| `query.processed` | 1 | `ragsite.query` | `query_id` | A question was answered, or no answer was found. |"
    assert f"\n{row} [schema](events/query.processed.v1.json) |\n" in page
    assert "up to date" in run()
    assert written(docs) == before


def test_a_new_event_is_out_of_date_until_it_is_written_and_is_nothing_but_its_class(docs: Path) -> None:
    before = written(docs)
    registered(Published)
    with pytest.raises(CommandError, match=r"Out of date: docs/events/boat.sailed.v1.json, docs/events.md. Run"):
        run("--check")
    assert written(docs) == before
    assert "boat.sailed.v1.json" in run()
    assert json.loads((docs / "events" / "boat.sailed.v1.json").read_text())["title"] == "boat.sailed"
    assert "| `boat.sailed` | 1 | `ragsite.boat` | `boat_id` | A boat has left. |" in (docs / "events.md").read_text()


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_schema_that_its_class_breaks_is_not_written_over(docs: Path, options: list[str]) -> None:
    with knowing():
        registered(Published)
        run()
    before = written(docs)
    registered(FieldGone)
    with pytest.raises(CommandError, match=r"boat.sailed of version 1: captain is gone. Make it version 2."):
        run(*options)
    assert written(docs) == before


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_schema_whose_class_is_gone_is_reported_and_stays(docs: Path, options: list[str]) -> None:
    with knowing():
        registered(Published)
        run()
    with pytest.raises(CommandError, match=r"boat.sailed.v1.json has no class. Remove it once"):
        run(*options)
    assert (docs / "events" / "boat.sailed.v1.json").exists()


def test_a_second_version_stands_beside_the_first(docs: Path) -> None:
    registered(Published)
    registered(FieldGone, version=2)
    run()
    assert {"boat.sailed.v1.json", "boat.sailed.v2.json"} <= written(docs).keys()
    assert "| `boat.sailed.v2` | 2 |" in (docs / "events.md").read_text()
